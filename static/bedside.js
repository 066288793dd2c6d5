/* The bedside without a connection: what was tapped waits in this page, in memory only, and is sent in order.
   Each entry has a key, so that the server stores once what is sent twice, and the tablet's time with the offset of its
   clock, measured against the server's when the page came. Without this script the same forms are sent plainly. */
(() => {
  "use strict";
  const page = document.getElementById("bedside");
  if (!page) return;
  const { all } = window.stroma, words = document.getElementById("queue-words").dataset;
  const box = document.getElementById("queue"), list = box.querySelector("ol");
  const AGAIN = 3000, PATIENCE = 20000, SECOND = 1000;
  /* The server wrote its time between the request and the first byte of its answer. Only what is outside of these two is
     an offset for certain: a slow server must not make a right clock look wrong. */
  const { requestStart, responseStart } = performance.getEntriesByType("navigation")[0], said = Date.parse(page.dataset.now);
  const [least, most] = [requestStart, responseStart].map((time) => Math.round(performance.timeOrigin + time) - said);
  const offset = Math.min(Math.max(least, 0), Math.max(most, 0)) || Math.min(most, 0);
  const waiting = [];
  let sending = false, again = 0;

  const serverNow = () => Date.now() - offset;
  const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const clockOf = (time) => new Date(time).toTimeString().slice(0, 5);
  const pad = (number) => String(number).padStart(2, "0");
  const length = (ms) => { const s = Math.max(0, Math.floor(ms / SECOND)); return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`; };

  /* How long is left or past, in whole minutes and in the words of the page (dosing/worksheet/time_left.py). */
  function leftWords(ms, patterns) {
    const minutes = Math.floor(Math.abs(ms) / 60000), hours = Math.floor(minutes / 60);
    const said = hours ? patterns.hours.replace("%(hours)d", hours).replace("%(minutes)d", minutes % 60) : patterns.minutes.replace("%(minutes)d", minutes);
    return (ms > 0 ? patterns.left : patterns.past).replace("%(length)s", said);
  }

  /* The clock of the infusion: what the server said, and what was tapped since. */
  const run = () => document.getElementById("run");
  let base = Number(run().dataset.elapsed), since = Date.parse(page.dataset.now), state = run().dataset.state;
  const elapsed = (now) => base + (state === "running" ? now - since : 0);
  const FOLLOWS = { started: "running", paused: "paused", resumed: "running", stopped: "stopped" };
  function stand(next, now) {
    base = elapsed(now);
    since = now;
    state = next;
    all("form[data-in]").forEach((form) => { form.hidden = !form.dataset.in.split(" ").includes(state); });
  }
  function tick() {
    const now = serverNow(), clock = page.querySelector("[data-clock]");
    if (clock && state !== "not_started") clock.textContent = length(elapsed(now));
    all("[data-until]", page).forEach((mark) => {
      const left = Date.parse(mark.dataset.until) - now;
      mark.textContent = leftWords(left, mark.dataset);
    });
  }

  function show() {
    box.hidden = !waiting.length;
    list.replaceChildren(...waiting.map((entry) => {
      const item = document.createElement("li");
      item.textContent = `${clockOf(entry.tapped)} ${entry.what}: ${entry.refused ? `${words.refused}. ${entry.refused}` : entry.note || words.waits}`;
      item.className = entry.refused ? "is-refused" : "";
      if (entry.refused) {
        const typed = document.createElement("span"), done = document.createElement("button");
        typed.textContent = ` (${entry.typed}) `;
        done.type = "button";
        done.className = "btn btn-plain btn-sm";
        done.textContent = words.dismiss;
        done.addEventListener("click", () => { waiting.splice(waiting.indexOf(entry), 1); show(); });
        item.append(typed, done);
      }
      return item;
    }));
  }

  function take(form, button) {
    const body = new FormData(form), tapped = Date.now();
    body.set("key", randomKey());
    if (!String(body.get("typed_at") || "").trim()) {
      body.set("tapped_ms", String(tapped));
      body.set("offset_ms", String(offset));
    }
    const hidden = new Set(all("input[type=hidden]", form).map((input) => input.name));
    const typed = [...body].filter(([name, value]) => value && !hidden.has(name) && !/_ms$|^point$/.test(name)).map(([, value]) => value).join(" · ");
    const select = form.elements.point, named = select ? ` ${select.selectedOptions[0].textContent}` : "";
    waiting.push({ body, url: form.action, tapped, typed, what: button.textContent.trim() + named, refused: "", note: "" });
    if (FOLLOWS[form.dataset.step]) stand(FOLLOWS[form.dataset.step], tapped - offset);
    if (select && select.value) select.selectedOptions[0].remove();
    form.reset();
    if (select && select.options.length) select.selectedIndex = 0;
    show();
    send();
  }

  async function post(entry) {
    const token = page.querySelector("[name=csrfmiddlewaretoken]");
    if (token) entry.body.set("csrfmiddlewaretoken", token.value);
    return fetch(entry.url, { method: "POST", body: entry.body, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) });
  }
  /* True if the entry is settled: stored, or refused with a sentence. False: send it again later. */
  async function settle(entry) {
    let answer, read = {};
    try { answer = await post(entry); } catch { return false; }
    const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    // A page instead of JSON is the one for signing in.
    if (answer.status === 401 || answer.redirected) {
      entry.note = words.signedOut;
      document.dispatchEvent(new Event("session-ended"));
      return false;
    }
    if (answer.status >= 500 || answer.status === 429) return false;
    try { if (isJson) read = await answer.json(); } catch { return false; }
    if (answer.ok && "stored" in read) waiting.splice(waiting.indexOf(entry), 1);
    else entry.refused = (read.sentences || [`HTTP ${answer.status}`]).join(" ");
    return true;
  }
  async function send() {
    if (sending) return;
    sending = true;
    clearTimeout(again);
    const next = () => waiting.find((each) => !each.refused);
    let sent = false;
    // One after the other: a later entry may only be right after an earlier one.
    for (let entry = next(); entry && await settle(entry); entry = next()) {
      sent = true;
      show();
    }
    sending = false;
    show();
    if (waiting.some((each) => !each.refused)) again = setTimeout(send, AGAIN);
    else if (sent) await refresh();
  }

  /* Take over the parts of the fresh page in which nobody is typing. */
  const isUsed = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea") || Boolean(part.querySelector("details.more[open]"));
  async function refresh() {
    let fresh;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok || answer.redirected) return;
      fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch { return; }
    if (waiting.some((each) => !each.refused)) return;
    const select = document.getElementById("point"), chosen = select && select.value;
    const begun = select && all(".observe-items :is(input, select)", select.form).some((input) => input.value);
    all("[data-live]", page).forEach((part) => {
      const now = fresh.getElementById(part.id);
      if (now && !isUsed(part)) part.replaceWith(document.adoptNode(now));
    });
    // What is being typed keeps the time that it was begun for.
    const points = document.getElementById("point");
    if (begun && [...points.options].some((option) => option.value === chosen)) points.value = chosen;
    base = Number(run().dataset.elapsed);
    since = Date.parse(fresh.getElementById("bedside").dataset.now);
    stand(run().dataset.state, since);
    tick();
  }

  page.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-step]")) return;
    event.preventDefault();
    // The message of a submission sent before as a plain form belongs to that one.
    all(".is-invalid", form).forEach((input) => { input.classList.remove("is-invalid"); });
    take(form, event.submitter || form.querySelector("[type=submit]"));
  });
  page.addEventListener("click", (event) => {
    const link = event.target.closest("[data-take]"), select = document.getElementById("point");
    if (!link || !select) return;
    event.preventDefault();
    select.value = link.dataset.take;
    select.form.scrollIntoView({ block: "start" });
    const first = select.form.querySelector(".observe-items input, .observe-items select");
    if (first) first.focus();
  });
  addEventListener("online", send);
  addEventListener("beforeunload", (event) => { if (waiting.length) event.preventDefault(); });
  setInterval(tick, SECOND);
  tick();
})();
