/* The form page: asks the server while a person types, keeps what is typed, fills what is asked for. */
(() => {
  "use strict";
  const { byId, changed, stops, follows, nextAfter } = stroma, form = byId("entry");
  if (!form) return;
  const all = (selector, root = form) => stroma.all(selector, root);

  /* What a thread refuses is shown in the panel, beside what was said. */
  const panel = byId("panel");
  let from = null;
  if (panel) {
    panel.addEventListener("htmx:beforeSwap", (event) => {
      if (event.detail.xhr.status === 422) event.detail.shouldSwap = true;
    });
    /* The key that led into the panel, or Escape, leads back. */
    panel.tabIndex = -1;
    panel.addEventListener("keydown", (event) => {
      if (!from || event.key !== "F2" && event.key !== "Escape") return;
      event.preventDefault();
      from.focus();
    });
  }

  const differs = byId("conflict");
  if (differs) differs.focus();

  /* Sent to the answer of a thread: its field comes into view beside it, where there is room for both. */
  const answered = location.hash.startsWith("#answer-") && byId(new URLSearchParams(location.search).get("field"));
  const column = panel && panel.parentElement;
  if (answered && getComputedStyle(column).position === "sticky") {
    addEventListener("load", () => setTimeout(() => {
      answered.scrollIntoView({ block: "center" });
      column.scrollTop = 0;
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
  /* A check that a change asks for is not the button that was pressed before it. */
  form.addEventListener("htmx:configRequest", (event) => { if (event.detail.elt === form) delete event.detail.parameters[form.querySelector("[data-save]").name]; });
  form.addEventListener("htmx:beforeRequest", () => { sent = new FormData(form); });
  function fillMarks(texts) {
    const now = new FormData(form);
    Object.entries(texts).forEach(([name, text]) => {
      const input = form.elements[name], item = name.split("-")[0];
      if (String(now.get(item)) !== String(sent.get(item))) return;
      input.value = text;
      const why = input.closest && input.closest("details");
      if (why) why.open = Boolean(text);
    });
    if (Object.keys(texts).length) changed(form);
  }
  function echo(texts) {
    Object.entries(texts).forEach(([name, text]) => {
      const input = byId(`id_${name}`);
      const idle = input && (input !== document.activeElement || !input.value);
      if (idle && text && input.value === sent.get(name)) input.value = text;
    });
  }
  /* Tab ran past a question that the answer on its way asks for: back to it, unless something was typed since. */
  let tabbed = null;
  form.addEventListener("keydown", (event) => { tabbed = ["Tab", "Enter"].includes(event.key) && !event.shiftKey && !event.ctrlKey ? tabbed || event.target : null; });
  form.addEventListener("pointerdown", () => { tabbed = null; });
  function goBack(item) {
    const input = item && item.querySelector(".answer input, .answer select, .answer textarea");
    if (input && tabbed && follows(tabbed, input) && follows(input, document.activeElement)) input.focus();
  }
  /* Tab ran onto a question that the answer on its way takes back: on to the next. */
  function goOn(here) {
    if (!form.contains(here) || here.checkVisibility()) return;
    nextAfter(here, stops(form))?.focus();
  }
  form.addEventListener("stroma:checked", (event) => {
    const here = document.activeElement, { hidden, undecided, required, soft, stored_chosen: storedChosen, invalid: wrong, echo: texts, marks } = event.detail;
    const shown = all("[data-item]").filter((item) => item.checkVisibility());
    all("[data-item]").forEach((item) => {
      item.hidden = hidden.includes(item.id);
      item.toggleAttribute("data-undecided", undecided.includes(item.id));
      item.toggleAttribute("data-stored-chosen", storedChosen.includes(item.id));
    });
    all(".required[id]").forEach((mark) => { mark.hidden = !required.includes(mark.id.slice("required-".length)); });
    all(".confirm").forEach((place) => { place.hidden = !soft.includes(place.id.slice("confirm-".length)); });
    goOn(here);
    invalid(new Set(wrong));
    fillMarks(marks);
    echo(texts);
    goBack(all("[data-item]").find((item) => item.checkVisibility() && !shown.includes(item)));
  });
  /* What an answer opens above must not push the field where one types under the bar. */
  form.addEventListener("htmx:afterRequest", () => {
    const here = document.activeElement;
    if (form.contains(here)) here.scrollIntoView({ block: "nearest" });
  });

  /* A file is sent at once; from then on the page holds its key, and the form may be refused or the session end. */
  function attached(name, file) {
    const input = byId(`id_${name}-upload`), refused = byId(`refused-${name}`);
    if (!input.files.length) return;
    input.value = "";
    input.classList.toggle("is-invalid", Boolean(file.refused));
    refused.textContent = file.refused || "";
    refused.hidden = !file.refused;
    if (file.refused) return;
    byId(`id_${name}`).value = file.key;
    byId(`file-${name}`).textContent = file.words;
  }
  form.addEventListener("change", (event) => { if (event.target.dataset.file) form.dispatchEvent(new Event("keep")); });
  form.addEventListener("kept", (event) => Object.entries(event.detail.files || {}).forEach(([name, file]) => attached(name, file)));
  // A saved draft comes back where one was.
  form.addEventListener("submit", (event) => {
    const { id } = document.activeElement;
    form.action = form.action.split("#")[0] + (id && event.submitter?.matches("[data-save]") ? `#at-${id}` : "");
  });
  document.addEventListener("session-again", () => form.dispatchEvent(new Event("change")));

  /* Buttons that only work here, so they are hidden in the page as it is sent. */
  function fillIn(id, text) {
    const input = byId(id);
    input.value = text;
    changed(input);
    return input;
  }
  all("[data-now]").forEach((button) => { button.hidden = false; });
  /* The minute of the click on the clock of the site: a form that is not checked while typing would read "n" at its save. */
  function minuteIn(zone) {
    const style = { timeZone: zone, day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const { day, month, year, hour, minute } = Object.fromEntries(new Intl.DateTimeFormat("en-US", style).formatToParts().map(({ type, value }) => [type, value]));
    return `${day}-${month}-${year} ${hour}:${minute}`;
  }
  /* What is known from elsewhere is offered until something is answered: it never replaces an answer by a slip. */
  const offers = () => all("[data-fill]").forEach((button) => { button.parentElement.hidden = Boolean(byId(button.dataset.fill).value); });
  form.addEventListener("input", offers);
  offers();
  function take(button, id, text, unit) {
    const units = unit && button.closest("[data-item]").querySelector("select.unit");
    if (units) units.value = unit;
    fillIn(id, text).focus();
  }
  all("[data-fill]").forEach((button) => { button.tabIndex = -1; });
  /* One key takes what is offered, in a field that is still empty. */
  form.addEventListener("keydown", (event) => {
    if (event.key !== "=" || event.ctrlKey || event.altKey || event.metaKey || event.target.value) return;
    const offered = event.target.id && form.querySelector(`[data-fill="${event.target.id}"]`);
    if (!offered) return;
    event.preventDefault();
    offered.click();
    goOnFrom(event.target);
  });
  /* A full answer to an item of the protocol goes on by itself: a letter that only one answer begins with, a number that has no room for a digit,
     a whole date or time, what is offered. Tab right after it is meant for the field that was left, and F4 for its unit. */
  const HABIT_MS = 500;
  /* Two digits of a year are whole unless they may begin one of four: 9oct25, but not 9oct20. */
  const WHOLE = /^\d{1,2}(?:[-/. ]?\p{L}{3,}\.?[-/. ]?|([-/.])\d{1,2}\1)(?:(?!19|20)\d\d|(?:19|20)\d\d)$/u;
  const COMPLETE = { date: RegExp(`^[tyv]$|${WHOLE.source}`, "iu"), time: /^\d{1,2}:\d{2}$/, datetime: /^(\S.*\s)?\d{1,2}:\d{2}$/ };
  let wentOn = -HABIT_MS, left = null;
  function goOnFrom(here) {
    const place = here.closest(".seg, .partial-date") || here;
    /* In a table on to the next cell of the row; past its last one Enter decides whether a row follows. */
    const row = here.closest("td")?.parentElement;
    const next = nextAfter(place, stops(row || form, ".save-bar .btn-primary").filter((each) => !row || !each.matches("[type=checkbox], .unit")));
    if (!next || !here.closest("[data-item]")) return;
    tabbed = here;
    left = here;
    wentOn = performance.now();
    stroma.arrive(next.type === "radio" && next.closest(".seg").querySelector(":checked") || next);
  }
  /* Beside a choice of units a number is full only if no other unit has room for it: there it is beyond the limits, has too many decimals,
     or has as many as there may be and the unit is that of last time, or one chosen here. 0,7 cells/µL may become 0,7473 · 10⁹/L, and waits. */
  const unitOf = (here) => here.parentElement.querySelector("select.unit");
  function limitsOf(here, number, places) {
    const units = unitOf(here), chosen = units?.selectedOptions[0];
    if (!units) return here.dataset.full;
    const isKnown = units.dataset.usual && units.value === units.dataset.usual;
    const hasNoRoom = ({ dataset: { full } }) => {
      const [lowest, highest, decimals] = (full || "").split(" ").map(Number);
      return number > highest || number + 10 ** -places <= lowest || places > decimals || isKnown && places === decimals;
    };
    return [...units.options].every((each) => each === chosen || hasNoRoom(each)) ? chosen.dataset.full : "";
  }
  form.addEventListener("change", (event) => { if (event.target.matches("select.unit")) event.target.dataset.usual = event.target.value; });
  function isFull(here) {
    const { value, dataset: { moment } } = here;
    /* A whole date in the first input of three is read into all of them. */
    if (here.closest(".partial-date")) return here.matches("[name$='-day']") && WHOLE.test(value);
    if (/^(nd|na|unk|asku)$/i.test(value)) return Boolean(here.dataset.full || unitOf(here) || COMPLETE[moment]);
    if (moment) return Boolean(COMPLETE[moment]?.test(value));
    const found = /^[<>≤≥]?\s*(0|[1-9]\d*)(?:[.,](\d*))?$/.exec(value);
    const number = found && Number(`${found[1]}.${found[2] || 0}`), full = found && limitsOf(here, number, (found[2] || "").length);
    if (!full) return false;
    const [lowest, highest, decimals] = full.split(" ").map(Number);
    if (found[2] !== undefined) return decimals > 0 && found[2].length === decimals && number >= lowest && number <= highest;
    return !decimals && number >= lowest && (!number || number * 10 > highest);
  }
  form.addEventListener("stroma:answered", (event) => goOnFrom(event.target));
  form.addEventListener("input", (event) => {
    const here = event.target, atEnd = event.data?.length === 1 && here.selectionStart === here.value.length;
    if (atEnd && here.type === "text" && isFull(here)) goOnFrom(here);
  });
  form.addEventListener("keydown", (event) => {
    const units = event.key === "F4" && left && unitOf(left);
    const isHabit = performance.now() - wentOn < HABIT_MS && (units || ["Tab", "Enter"].includes(event.key)) && !event.shiftKey && !event.ctrlKey;
    wentOn = -HABIT_MS;
    if (!isHabit) return;
    event.preventDefault();
    event.stopPropagation();
    if (units) units.focus();
  }, true);
  /* One key leads to the next unusual value whose reason is still asked for. */
  form.addEventListener("keydown", (event) => {
    if (event.key !== "F7" || event.ctrlKey || event.altKey || event.metaKey) return;
    const open = all(".confirm:not([hidden]) input").filter((input) => input.checkVisibility() && !input.value);
    const next = nextAfter(event.target, open) || open[0];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  /* Among the answers of a yes/no question of a group: all others no. Before the first letter of an answer is looked for. */
  form.addEventListener("keydown", (event) => {
    if (event.key !== "N" || event.ctrlKey || event.altKey || event.metaKey || !event.target.matches("[type=radio]")) return;
    const button = event.target.closest(".sec")?.querySelector("[data-all-no]");
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    button.click();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill], [data-now], [data-panel]");
    if (!button) return;
    const { fill, value, unit, now, zone } = button.dataset;
    event.preventDefault();
    if (fill) return take(button, fill, value, unit);
    if (now) return fillIn(now, zone ? minuteIn(zone) : "n");
    if (event.isTrusted) from = null;
    history.replaceState(history.state, "", button.getAttribute("href"));
    const before = button.getBoundingClientRect().top;
    htmx.ajax("GET", button.getAttribute("href").split("#")[0], "#panel").then(() => {
      // The panel takes room beside the form: the field stays where it was. On a phone the panel is below it.
      if (getComputedStyle(panel.parentElement).position === "sticky") scrollBy(0, button.getBoundingClientRect().top - before);
      else panel.scrollIntoView({ block: "nearest" });
      if (from) (panel.querySelector("textarea") || panel).focus();
    });
  });

  /* One Tab from answer to answer: what stands beside a field is one key away instead. */
  const FIELD_TOOLS = { F2: ".field-tools a", F4: "select.unit", F8: ".why-missing > summary", F9: "[data-not-done]" };
  Object.entries(FIELD_TOOLS).forEach(([key, selector]) => all(selector).forEach((node) => {
    node.tabIndex = -1;
    node.setAttribute("aria-keyshortcuts", key);
  }));
  all("[data-now], [data-all-no]").forEach((button) => { button.tabIndex = -1; });
  form.addEventListener("keydown", (event) => {
    const selector = FIELD_TOOLS[event.key];
    if (!selector || event.ctrlKey || event.altKey || event.metaKey) return;
    const within = { F2: "[data-item]", F9: ".sec" }[event.key] || "td, [data-item]";
    const place = event.target.closest(within), target = place && place.querySelector(selector);
    if (!target) return;
    event.preventDefault();
    if (event.key === "F2") from = event.target;
    if (event.key === "F2" || event.key === "F9") return target.click();
    if (event.key === "F8") target.parentElement.open = true;
    (event.key === "F8" ? target.parentElement.querySelector("select") : target).focus();
  });
})();
