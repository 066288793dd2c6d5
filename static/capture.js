/* The form page: asks the server while a person types, keeps what is typed, fills what is asked for. */
(() => {
  "use strict";
  const form = document.getElementById("entry");
  if (!form) return;
  const all = (selector, root = form) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const told = document.querySelector("[data-kept]");
  const changed = (input) => ["input", "change"].forEach((name) => input.dispatchEvent(new Event(name, { bubbles: true })));

  /* What a thread refuses is shown in the panel, beside what was said. */
  byId("panel").addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 422) event.detail.shouldSwap = true;
  });

  const differs = byId("conflict");
  if (differs) differs.focus();

  /* Sent to the answer of a thread: its field comes into view beside it, where there is room for both. */
  const asked = location.hash.startsWith("#answer-") && byId(new URLSearchParams(location.search).get("field"));
  const beside = byId("panel").parentElement;
  if (asked && getComputedStyle(beside).position === "sticky") {
    addEventListener("load", () => setTimeout(() => {
      asked.scrollIntoView({ block: "center" });
      beside.scrollTop = 0;
    }));
  }

  /* What the rules say (header HX-Trigger): shown and hidden items, needed ones, errors, values as understood. */
  form.classList.add("live");
  function invalid(wrong) {
    all("[aria-invalid]").forEach((input) => {
      if (!wrong.has(input.name) && !wrong.has(input.name.split("-")[0])) {
        input.removeAttribute("aria-invalid");
        input.classList.remove("is-invalid");
      }
    });
    wrong.forEach((path) => all(`[name="${path}"]:not([type=radio], [type=checkbox])`).forEach((input) => {
      input.setAttribute("aria-invalid", "true");
      input.classList.add("is-invalid");
    }));
  }
  /* An answer says how what was sent is understood; what was typed since stays. */
  let sent = new FormData();
  form.addEventListener("htmx:beforeRequest", () => { sent = new FormData(form); });
  function echo(texts) {
    Object.entries(texts).forEach(([name, text]) => {
      const input = byId(`id_${name}`);
      if (input && input !== document.activeElement && text && input.value === sent.get(name)) input.value = text;
    });
  }
  form.addEventListener("stroma:judged", (event) => {
    const { hidden, undecided, required, soft, invalid: wrong, echo: texts } = event.detail;
    all("[data-item]").forEach((item) => {
      item.hidden = hidden.includes(item.id);
      item.toggleAttribute("data-undecided", undecided.includes(item.id));
    });
    all(".required[id]").forEach((mark) => { mark.hidden = !required.includes(mark.id.slice("required-".length)); });
    all(".confirm").forEach((place) => { place.hidden = !soft.includes(place.id.slice("confirm-".length)); });
    invalid(new Set(wrong));
    echo(texts);
  });

  /* Kept on the server five seconds after a change; nothing stays in the browser. */
  let timer = 0, dirty = false, under = null;
  async function keep() {
    clearTimeout(timer);
    dirty = false;
    under = new AbortController();
    try {
      const answer = await fetch(form.dataset.keep, {
        method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, signal: under.signal,
      });
      if (answer.status === 401) document.dispatchEvent(new Event("session-ended"));
      if (!answer.ok) throw new Error(answer.status);
      told.textContent = (await answer.json()).kept;
      if (!dirty) form.dispatchEvent(new Event("saved"));
    } catch (failed) {
      if (failed.name !== "AbortError") { dirty = true; timer = setTimeout(keep, 15000); }
    }
  }
  form.addEventListener("input", () => {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(keep, 5000);
  });
  form.addEventListener("submit", (event) => {
    if (!navigator.onLine) {
      event.preventDefault();
      told.textContent = form.dataset.offline;
      return;
    }
    clearTimeout(timer);
    dirty = false;
    if (under) under.abort();
  });
  addEventListener("pagehide", () => { if (dirty) navigator.sendBeacon(form.dataset.keep, new FormData(form)); });

  /* Buttons that only work here, so they are hidden in the page as it is sent. */
  function put(id, text) {
    const input = byId(id);
    input.value = text;
    changed(input);
    return input;
  }
  all("[data-fill], [data-now]").forEach((button) => { button.hidden = false; });

  /* One more row: the last one again, empty, under the next number. */
  function addRow(table) {
    const rows = all("tbody tr", table), row = rows[rows.length - 1].cloneNode(true), number = rows.length;
    if (table.dataset.most && number >= Number(table.dataset.most)) return;
    const renumber = (text) => text.replace(new RegExp(`(${table.dataset.rows})-\\d+`, "g"), `$1-${number}`);
    all("[name], [id], [aria-describedby]", row).forEach((node) => {
      ["name", "id", "aria-describedby", "aria-label"].forEach((key) => {
        if (node.hasAttribute(key)) node.setAttribute(key, renumber(node.getAttribute(key)));
      });
      if (node.hasAttribute("aria-label")) {
        node.setAttribute("aria-label", node.getAttribute("aria-label").replace(/\d+(?=\D*$)/, number + 1));
      }
      if (/checkbox|radio/.test(node.type)) node.checked = false;
      else if (node.matches("input, select, textarea")) node.value = "";
      node.removeAttribute("aria-invalid");
      node.classList.remove("is-invalid");
    });
    all(".results", row).forEach((place) => { place.textContent = ""; });
    row.cells[0].textContent = number + 1;
    row.cells[row.cells.length - 1].textContent = "";
    rows[rows.length - 1].after(row);
    row.querySelector("input, select").focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill], [data-now], [data-add-row], [data-panel]");
    if (!button) return;
    const { fill, value, now, addRow: table } = button.dataset;
    if (fill) return put(fill, value).focus();
    if (now) return put(now, "n");
    event.preventDefault();
    if (table) return addRow(form.querySelector(`[data-rows="${table}"]`));
    history.replaceState(null, "", button.getAttribute("href"));
    htmx.ajax("GET", button.getAttribute("href").split("#")[0], "#panel").then(() => byId("panel").scrollIntoView({ block: "nearest" }));
  });
})();
