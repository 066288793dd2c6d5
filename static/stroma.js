/* Improves pages that work without it. No inline handlers, no eval, nothing kept in the browser. */
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const byId = (id) => document.getElementById(id);
  const typing = (node) => node.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

  /* As if a person had answered. */
  const changed = (input) => ["input", "change"].forEach((name) => input.dispatchEvent(new Event(name, { bubbles: true })));
  /* As Tab arrives: what is typed next replaces what stood there. */
  function arrive(input) {
    input.focus();
    if (input.type === "text") input.select();
  }
  /* Where Tab stops; of buttons only those named. */
  const stops = (root, buttons = "button") => all(`input:not([type=hidden]), select, textarea, ${buttons}`, root).filter((node) => node.tabIndex >= 0 && !node.disabled && node.checkVisibility());
  const follows = (first, second) => first.compareDocumentPosition(second) & Node.DOCUMENT_POSITION_FOLLOWING;
  const nextAfter = (place, list) => list.find((node) => follows(place, node) && !place.contains(node));
  /* capture.js and rows.js come after this script and use these. */
  window.stroma = { all, byId, changed, arrive, stops, follows, nextAfter };

  /* Figures: a tooltip for every [data-tip] mark, one tab stop per figure, arrows between marks. */
  function place(tip, mark, figure) {
    const box = mark.getBoundingClientRect(), frame = figure.getBoundingClientRect();
    const middle = box.left - frame.left + figure.scrollLeft + box.width / 2;
    const left = Math.min(middle - tip.offsetWidth / 2, figure.scrollLeft + frame.width - tip.offsetWidth - 4);
    const above = box.top - frame.top - tip.offsetHeight - 8;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${above < 0 ? box.bottom - frame.top + 8 : above}px`;
  }
  function describe(figure) {
    const marks = all("[data-tip]", figure);
    if (!marks.length) return;
    const tip = document.createElement("div");
    tip.className = "fig-tip";
    tip.hidden = true;
    figure.append(tip);
    const show = (mark) => {
      tip.textContent = mark.dataset.tip;
      tip.hidden = false;
      place(tip, mark, figure);
    };
    const hide = () => { tip.hidden = true; };
    marks.forEach((mark, index) => {
      mark.tabIndex = index ? -1 : 0;
      if (!mark.hasAttribute("role")) mark.setAttribute("role", mark.tagName === "a" ? "link" : "img");
      mark.setAttribute("aria-label", mark.dataset.tip);
      mark.addEventListener("pointerenter", () => show(mark));
      mark.addEventListener("pointerleave", hide);
      mark.addEventListener("focus", () => show(mark));
      mark.addEventListener("blur", hide);
      mark.addEventListener("keydown", (event) => {
        if (event.key === "Escape") return hide();
        const last = marks.length - 1;
        const next = event.key === "Home" ? 0 : event.key === "End" ? last : (index + STEPS[event.key] + marks.length) % marks.length;
        if (Number.isNaN(next)) return;
        event.preventDefault();
        mark.tabIndex = -1;
        marks[next].tabIndex = 0;
        marks[next].focus();
      });
    });
  }

  /* A question answered with boxes is one stop. Arrows move within it, the first letter or digit of an answer finds it,
     Delete takes the choice back; "Clear" is for the mouse, nobody comes past it with the arrows. */
  const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const answers = (boxes) => all("input:not([type=hidden], [value=''])", boxes);
  function oneStop(boxes, here) {
    answers(boxes).forEach((box) => { if (box.type === "checkbox") box.tabIndex = box === here ? 0 : -1; });
  }
  function found(boxes, box, key) {
    const list = answers(boxes), at = list.indexOf(box), step = STEPS[key];
    if (step) return list[(at + step + list.length) % list.length];
    const begins = (text) => text.trim().toLowerCase().startsWith(key.toLowerCase());
    const round = [...list.slice(at + 1), ...list.slice(0, at + 1)];
    if (key.length === 1 && key !== " ") return round.find((each) => begins(each.labels[0].textContent)) || round.find((each) => begins(each.value));
  }
  /* Whether a letter or digit can mean one answer only. */
  function isTheOnly(boxes, box, key) {
    const begins = (text) => text.trim().toLowerCase().startsWith(key.toLowerCase()), list = answers(boxes);
    const named = list.filter((each) => begins(each.labels[0].textContent));
    return box.type === "radio" && (named.length ? named : list.filter((each) => begins(each.value))).length === 1;
  }
  function amongBoxes(event) {
    const box = event.target, boxes = box.matches("[type=radio], [type=checkbox]") && box.closest(".seg");
    if (!boxes || event.ctrlKey || event.altKey || event.metaKey) return;
    const next = found(boxes, box, event.key), taken = event.key === "Delete" && box.type === "radio" && box.checked;
    if (!next && !taken) return;
    event.preventDefault();
    if (next) next.focus();
    if (next && next.type === "checkbox") return oneStop(boxes, next);
    if (!next || !next.checked) {
      (next || box).checked = Boolean(next);
      changed(next || box);
    }
    if (next && event.key.length === 1 && isTheOnly(boxes, next, event.key)) next.dispatchEvent(new CustomEvent("stroma:answered", { bubbles: true }));
  }

  /* Enter goes on in a form that is entered, as Tab does: half of it is never sent by a slip. */
  function goOn(event) {
    const here = event.target, form = here.form;
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.defaultPrevented || !form || !form.matches(".entry")) return;
    if (!here.matches("select, input:not([type=file], [type=submit], [type=button], [type=password])")) return;
    event.preventDefault();
    const next = nextAfter(here.closest(".seg") || here, stops(form, ".save-bar .btn-primary"));
    if (!next) return;
    arrive(next.type === "radio" && one(":checked", next.closest(".seg")) || next);
  }

  /* Typing begins at once where a page is made for one form; not where that would scroll past what is to be read. */
  const first = (form) => stops(form, "[data-save-next]")[0];
  const inView = (input) => { const { top, bottom } = input.getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; };
  function begin() {
    const { hash, pathname, search } = location, sent = hash === "#entry", back = hash.startsWith("#at-");
    const form = one(sent ? "#entry" : "form[data-begin]");
    const input = back ? byId(hash.slice(4)) : form && first(form);
    // The browser would go to the fragment once more, and take the focus away.
    if (sent || back) history.replaceState(history.state, "", pathname + search);
    if (!sent && !back && byId(hash.slice(1)) || document.activeElement !== document.body) return;
    if (all("[autofocus]").some((node) => node.checkVisibility())) return;
    if (!input || !sent && !back && !inView(input)) return;
    arrive(input);
    if (back && input.type === "text") input.setSelectionRange(input.value.length, input.value.length);
  }
  function skip(event) {
    const link = event.target.closest("a.skip, .error-summary a"), target = link && link.hash && byId(link.hash.slice(1));
    if (!target || !target.matches("form, main, input, select, textarea")) return;
    event.preventDefault();
    arrive(target.matches("form") && first(target) || target);
  }

  /* A button with data-table="id" shows and hides the figures' data table. */
  function toggleTable(button) {
    const table = byId(button.dataset.table);
    if (!table) return;
    table.hidden = !table.hidden;
    button.setAttribute("aria-expanded", String(!table.hidden));
  }

  /* Listings: the row opens, the head's box ticks all, the count follows. */
  function count(table) {
    const boxes = all("tbody input[type=checkbox]", table), ticked = boxes.filter((box) => box.checked).length;
    const head = one("[data-select-all]", table), scope = table.closest("form") || document;
    if (head) {
      head.checked = boxes.length > 0 && ticked === boxes.length;
      head.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    all("[data-selected]", scope).forEach((node) => { node.textContent = ticked; });
    all("[data-needs-selection]", scope).forEach((node) => { node.disabled = !ticked; });
  }
  /* A box with data-tick-form ticks all rows of its form, whatever their table. */
  function tickForm(box) {
    all("tbody input[type=checkbox]:not(:disabled)", box.form).forEach((each) => { each.checked = box.checked; });
    all("table:has([data-select-all])", box.form).forEach(count);
  }
  function openRow(event) {
    const row = event.target.closest("tr[data-href]");
    if (!row || event.target.closest("a, button, input, label, summary") || String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) open(row.dataset.href, "_blank", "noopener");
    else location.assign(row.dataset.href);
  }

  /* Buttons with data-confirm="id" ask first, in the <dialog id>; its value="yes" button sends the form. */
  function confirmFirst(event) {
    const button = event.submitter, dialog = button && button.dataset.confirm && byId(button.dataset.confirm);
    if (!dialog || button.dataset.confirmed) return;
    event.preventDefault();
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      button.dataset.confirmed = "1";
      event.target.requestSubmit(button);
      delete button.dataset.confirmed;
    }, { once: true });
    dialog.returnValue = "";
    dialog.showModal();
  }

  /* form[data-guard]: leaving with unsaved changes asks; htmx or other code clears it by the event "saved". */
  function guard(form) {
    form.addEventListener("input", () => { form.dataset.changed = "1"; });
    form.addEventListener("saved", () => { delete form.dataset.changed; });
  }
  const unsaved = () => one("form[data-guard][data-changed]");

  /* form[data-keep]: kept on the server five seconds after a change; nothing stays in the browser. */
  function keeping(form) {
    const note = one("[data-kept]", form), url = form.dataset.keep;
    let timer = 0, dirty = false, under = null, flight = null;
    /* A file goes only where its key comes back. */
    function typed() {
      const body = new FormData(form);
      all("input[type=file]:not([data-file])", form).forEach((input) => { body.delete(input.name); });
      return body;
    }
    async function send() {
      clearTimeout(timer);
      dirty = false;
      under = new AbortController();
      try {
        const answer = await fetch(url, { method: "POST", body: typed(), headers: { Accept: "application/json" }, signal: under.signal });
        if (answer.status === 401) document.dispatchEvent(new Event("session-ended"));
        if (!answer.ok) throw new Error(answer.status);
        const kept = await answer.json();
        note.textContent = kept.kept;
        form.dispatchEvent(new CustomEvent("kept", { detail: kept }));
        if (!dirty) form.dispatchEvent(new Event("saved"));
      } catch (failed) {
        if (failed.name !== "AbortError") { dirty = true; timer = setTimeout(keep, 15000); }
      }
    }
    function keep() {
      const now = send().finally(() => { if (flight === now) flight = null; });
      flight = now;
    }
    form.addEventListener("keep", keep);
    form.addEventListener("input", () => {
      dirty = true;
      clearTimeout(timer);
      timer = setTimeout(keep, 5000);
    });
    let waits = false;
    form.addEventListener("submit", (event) => {
      if (!navigator.onLine) {
        event.preventDefault();
        note.textContent = form.dataset.offline;
        return;
      }
      clearTimeout(timer);
      dirty = false;
      if (!flight) return;
      /* The save deletes the draft: one that is on its way comes first, for two seconds at most. */
      event.preventDefault();
      event.stopImmediatePropagation();
      if (waits) return;
      waits = true;
      const { submitter } = event;
      Promise.race([flight, new Promise((done) => { setTimeout(done, 2000); })]).then(() => {
        under.abort();
        flight = null;
        waits = false;
        clearTimeout(timer);
        form.requestSubmit(submitter);
      });
    });
    document.addEventListener("session-again", () => { if (dirty) keep(); });
    addEventListener("pagehide", () => { if (dirty) navigator.sendBeacon(url, typed()); });
  }

  /* Forms that were typed into before this script came, or in which the browser shows again what was typed on an earlier visit. */
  const isShownAgain = performance.getEntriesByType("navigation")[0].type !== "navigate";
  function differs(input) {
    if (!input.name || !input.matches("input:not([type=hidden], [type=password]), select, textarea")) return false;
    if (input.matches("[type=checkbox], [type=radio]")) return input.checked !== input.defaultChecked;
    if (!input.matches("select")) return input.value !== input.defaultValue;
    const options = [...input.options], chosen = options.some((option) => option.defaultSelected);
    // Without a choice of the server the browser chooses the first option.
    if (!chosen && !input.multiple) return input.selectedIndex !== options.findIndex((option) => !option.disabled);
    return options.some((option) => option.selected !== option.defaultSelected);
  }
  /* The version under which a form is typed stays with its entry in the history. What the browser shows again above a newer version
     is sent as typed under the earlier one, so that the server asks instead of overwriting. */
  function typedUnder(form, isTyped) {
    const version = one("[type=hidden]:is([name=version], [name=_version])", form), { versions = {} } = history.state || {};
    if (!version) return false;
    const place = form.dataset.keep || form.action, before = versions[place], moved = isTyped && isShownAgain && before && before !== version.value;
    if (moved) version.value = before;
    else history.replaceState({ ...history.state, versions: { ...versions, [place]: version.value } }, "");
    return moved;
  }
  const typedForms = new WeakSet();
  /* isLast: nothing more will be filled in by the browser, so that an untouched form is typed under the version of the page. */
  function findTyped(form, isLast) {
    const isTyped = [...form.elements].some(differs);
    if (typedForms.has(form) || !isTyped && !isLast) return;
    const moved = typedUnder(form, isTyped);
    if (!isTyped) return;
    typedForms.add(form);
    // Whether it is newer than what is stored or the draft on the page is not known: only the next key keeps it, leaving asks.
    if (moved || isShownAgain && one("[data-restored]")) form.dataset.changed = "1";
    else form.dispatchEvent(new Event("input"));
    form.dispatchEvent(new Event("change"));
  }

  /* A select or radio group with data-submit sends its form when changed, not at each arrow key on the way. */
  const autoSubmit = (event) => event.target.matches("[data-submit]:not(:focus-visible)") && event.target.form.requestSubmit();

  function shortcuts(event) {
    const command = event.ctrlKey || event.metaKey;
    const press = (selector) => {
      const button = one(selector);
      if (button) { event.preventDefault(); button.click(); }
    };
    if (command && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "s") return press("[data-save]");
    if (command && event.key === "Enter") return press(one("[data-save-next]") ? "[data-save-next]" : "[data-save]");
    if (["e", "E", "F4"].includes(event.key) && !command && !event.altKey && !typing(event.target)) press("[data-amend]");
    if (event.key === "/" && !command && !event.altKey && !typing(event.target)) {
      const search = all("[data-search]").find((node) => node.offsetParent);
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
    if (event.key === "Enter" && event.target.matches(".error-summary")) { event.preventDefault(); one("a", event.target)?.click(); }
    if (event.key === "Escape") {
      const menu = one("details.menu[open]");
      if (menu) { menu.open = false; one("summary", menu).focus(); }
    }
  }
  function closeMenus(event) {
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  }

  /* Theme: the form works alone; here it changes the page at once and tells the server quietly. */
  async function theme(event) {
    const form = event.target, value = event.submitter && event.submitter.value;
    if (!form.matches("[data-theme-form]") || !value) return;
    event.preventDefault();
    const body = new FormData(form);
    body.set("theme", value);
    document.documentElement.dataset.bsTheme = value;
    all("[data-theme-form] button").forEach((button) => button.setAttribute("aria-pressed", String(button.value === value)));
    await fetch(form.action, { method: "POST", body, redirect: "manual" });
  }

  /* Session: two minutes before its end ask the server (another tab may have kept it alive), then the person. */
  function watchSession(dialog) {
    const { url, warn } = dialog.dataset, left = one("[data-left]", dialog);
    const before = Number(warn) || 120;
    let timer, ends = 0;
    const later = (seconds) => {
      clearTimeout(timer);
      ends = Date.now() + seconds * 1000;
      timer = setTimeout(check, Math.max(1, seconds - before) * 1000);
    };
    /* Seconds left. A new token, as after signing in again, goes into every form: not under another person's name. */
    async function ask(method) {
      const csrf = one("[name=csrfmiddlewaretoken]", dialog).value;
      const answer = await fetch(url, { method, headers: { Accept: "application/json", "X-CSRFToken": csrf } });
      const { left, token, user = "" } = await answer.json();
      if (user && user !== dialog.dataset.user) return 0;
      if (token) {
        all("[name=csrfmiddlewaretoken]").forEach((input) => { input.value = token; });
        document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
      }
      return left;
    }
    async function signIn(event) {
      event.preventDefault();
      const form = event.target, password = form.elements.password, alertLine = one("[role=alert]", form);
      const send = () => fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "XMLHttpRequest" } });
      await ask("GET");
      const answered = await send().then((answer) => answer.json()).catch(() => ({}));
      const seconds = await ask("GET");
      password.value = "";
      if (!seconds) {
        const { errors = [], fields = {} } = answered.form || {};
        alertLine.textContent = [...errors, ...Object.values(fields).flatMap((field) => field.errors)].join(" ") || form.dataset.more;
        return password.focus();
      }
      alertLine.textContent = "";
      dialog.close();
      dialog.classList.remove("cover");
      one("form", dialog).remove();
      state("running");
      later(seconds);
      document.dispatchEvent(new Event("session-again"));
    }
    function tick() {
      const seconds = Math.max(0, Math.round((ends - Date.now()) / 1000));
      left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      if (seconds) timer = setTimeout(tick, 1000);
      else check();
    }
    function state(now) {
      all("[data-while]", dialog).forEach((node) => { node.hidden = node.dataset.while !== now; });
    }
    /* Only now: no page has a field for a password that it does not ask for. */
    function signInForm() {
      one("div", dialog).append(one("template", dialog).content.cloneNode(true));
      one("form", dialog).addEventListener("submit", signIn);
      one("[data-again]", dialog).addEventListener("click", (event) => {
        const form = unsaved();
        if (!form) return;
        event.preventDefault();
        dialog.close();
        form.requestSubmit(one("[data-save]", form) || undefined);
      });
    }
    function over() {
      clearTimeout(timer);
      dialog.classList.add("cover");
      state("over");
      if (!one("form", dialog)) signInForm();
      if (!dialog.open) dialog.showModal();
      one("[name=password]", dialog).focus();
    }
    async function check() {
      let seconds;
      try { seconds = await ask("GET"); } catch { return later(before + 15); }
      if (!seconds) return over();
      if (seconds > before + 5) { if (dialog.open) dialog.close(); return later(seconds); }
      ends = Date.now() + seconds * 1000;
      if (!dialog.open) dialog.showModal();
      tick();
    }
    one("[data-stay]", dialog).addEventListener("click", async (event) => {
      event.preventDefault();
      const seconds = await ask("POST").catch(() => 0);
      if (!seconds) return over();
      dialog.close();
      later(seconds);
    });
    dialog.addEventListener("cancel", (event) => { if (dialog.classList.contains("cover")) event.preventDefault(); });
    document.addEventListener("session-ended", over);
    later(Number(dialog.dataset.seconds));
  }

  function prepare(root) {
    const ticks = () => all(":is(table, [data-ticks]):has([data-select-all])", root).forEach(count);
    all("[data-scripted]", root).forEach((part) => { part.hidden = false; });
    all("figure.fig", root).forEach(describe);
    ticks();
    all("form[data-guard]", root).forEach(guard);
    all("form[data-keep]", root).forEach(keeping);
    const look = (isLast) => setTimeout(() => {
      all("form:is([data-guard], [data-keep])", root).forEach((form) => { findTyped(form, isLast); });
      ticks();
    });
    // After the other scripts have begun to listen; again when all that the page needs is loaded, a picture on its way
    // included: only then the browser fills in what was typed on an earlier visit.
    const isFilled = !isShownAgain || document.readyState === "complete";
    look(isFilled);
    if (!isFilled) addEventListener("pageshow", () => look(true), { once: true });
    all(".seg", root).forEach((boxes) => oneStop(boxes, answers(boxes)[0]));
  }
  document.addEventListener("DOMContentLoaded", () => {
    // The style sheet shows the tree where there is room; for readers of the page it is open then.
    all("details.tree").forEach((tree) => { tree.open = matchMedia("(min-width: 992px)").matches; });
    prepare(document);
    const session = one("dialog[data-session]"), summary = one(".error-summary");
    if (session) watchSession(session);
    if (summary) summary.focus();
    const here = one(".casebook [aria-current=page]"), places = here && here.closest(".casebook");
    if (here) places.scrollTop = here.offsetTop - places.clientHeight / 2;
    begin();
  });
  /* Sent to what is next on a page: its top is shown too, where there is room for both. */
  addEventListener("load", () => setTimeout(() => {
    const next = document.activeElement;
    if (location.hash !== "#next" || next.id !== "next") return;
    scrollTo(0, 0);
    next.scrollIntoView({ block: "nearest" });
  }));
  /* The number on the bell comes after the page, which does not wait for it. */
  addEventListener("load", () => setTimeout(() => {
    const bell = one("[data-count-at]"), shown = bell && one(".bell-count", bell);
    if (!bell) return;
    fetch(bell.dataset.countAt, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok && !answer.redirected ? answer.json() : { number: 0 }))
      .then(({ number, text }) => {
        if (!number) return;
        shown.textContent = number > 99 ? "99+" : number;
        shown.hidden = false;
        bell.setAttribute("aria-label", text);
        bell.title = text;
      })
      .catch(() => {});
  }));
  document.addEventListener("htmx:load", (event) => { if (event.target !== document.body) prepare(event.target); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-table]");
    if (button) toggleTable(button);
    if (event.target.closest("[data-print]")) print();
    skip(event);
    closeMenus(event);
    openRow(event);
  });
  document.addEventListener("change", (event) => {
    const table = event.target.closest("[data-ticks], table:has([data-select-all])");
    if (event.target.matches("[data-select-all]")) {
      all("tbody input[type=checkbox]:not(:disabled)", table).forEach((box) => { box.checked = event.target.checked; });
    }
    if (event.target.matches("[data-tick-form]")) tickForm(event.target);
    if (event.target.type === "checkbox" && table) count(table);
    autoSubmit(event);
  });
  document.addEventListener("submit", (event) => {
    theme(event);
    confirmFirst(event);
    if (!event.defaultPrevented) delete event.target.dataset.changed;
  });
  document.addEventListener("keydown", shortcuts);
  document.addEventListener("keydown", amongBoxes);
  document.addEventListener("keydown", goOn);
  addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });
})();
