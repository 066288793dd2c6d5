/* Improves pages that work without it. No inline handlers, no eval, nothing kept in the browser. */
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const typing = (node) => node.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

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
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
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
        const next = event.key === "Home" ? 0 : event.key === "End" ? last : (index + steps[event.key] + marks.length) % marks.length;
        if (Number.isNaN(next)) return;
        event.preventDefault();
        mark.tabIndex = -1;
        marks[next].tabIndex = 0;
        marks[next].focus();
      });
    });
  }

  /* A button with data-table="id" shows and hides the figures' data table. */
  function toggleTable(button) {
    const table = document.getElementById(button.dataset.table);
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
  function openRow(event) {
    const row = event.target.closest("tr[data-href]");
    if (!row || event.target.closest("a, button, input, label, summary") || String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) open(row.dataset.href, "_blank", "noopener");
    else location.assign(row.dataset.href);
  }

  /* Buttons with data-confirm="id" ask first, in the <dialog id>; its value="yes" button sends the form. */
  function confirmFirst(event) {
    const button = event.submitter, dialog = button && button.dataset.confirm && document.getElementById(button.dataset.confirm);
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

  /* A select or radio group with data-submit sends its form when changed. */
  const autoSubmit = (event) => event.target.matches("[data-submit]") && event.target.form.requestSubmit();

  function shortcuts(event) {
    const command = event.ctrlKey || event.metaKey;
    const press = (selector) => {
      const button = one(selector);
      if (button) { event.preventDefault(); button.click(); }
    };
    if (command && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "s") return press("[data-save]");
    if (command && event.key === "Enter") return press("[data-save-next]");
    if (event.key === "/" && !command && !event.altKey && !typing(event.target)) {
      const search = all("[data-search]").find((node) => node.offsetParent);
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
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
      const form = event.target, password = form.elements.password, told = one("[role=alert]", form);
      const send = () => fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "XMLHttpRequest" } });
      await ask("GET");
      const said = await send().then((answer) => answer.json()).catch(() => ({}));
      const seconds = await ask("GET");
      password.value = "";
      if (!seconds) {
        const { errors = [], fields = {} } = said.form || {};
        told.textContent = [...errors, ...Object.values(fields).flatMap((field) => field.errors)].join(" ") || form.dataset.more;
        return password.focus();
      }
      told.textContent = "";
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
    all("figure.fig", root).forEach(describe);
    all("table:has([data-select-all])", root).forEach(count);
    all("form[data-guard]", root).forEach(guard);
  }
  document.addEventListener("DOMContentLoaded", () => {
    prepare(document);
    const session = one("dialog[data-session]"), summary = one(".error-summary");
    if (session) watchSession(session);
    if (summary) summary.focus();
  });
  document.addEventListener("htmx:load", (event) => { if (event.target !== document.body) prepare(event.target); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-table]");
    if (button) toggleTable(button);
    if (event.target.closest("[data-print]")) print();
    closeMenus(event);
    openRow(event);
  });
  document.addEventListener("change", (event) => {
    const table = event.target.closest("table");
    if (event.target.matches("[data-select-all]")) {
      all("tbody input[type=checkbox]:not(:disabled)", table).forEach((box) => { box.checked = event.target.checked; });
    }
    if (event.target.type === "checkbox" && table) count(table);
    autoSubmit(event);
  });
  document.addEventListener("submit", (event) => {
    theme(event);
    confirmFirst(event);
    if (!event.defaultPrevented) delete event.target.dataset.changed;
  });
  document.addEventListener("keydown", shortcuts);
  addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });
})();
