/* A calendar beside every typed date. What is typed stays first: the calendar only writes the text that could be typed. */
(() => {
  "use strict";
  const calendar = document.getElementById("calendar"), shape = document.getElementById("calendar-button");
  if (!calendar || !shape || !calendar.showPopover) return;
  const DATES = "input[data-moment]:is([data-moment=day], [data-moment=minute], [data-moment=date], [data-moment=datetime], [data-moment=partial_date])";
  const language = document.documentElement.lang, title = calendar.querySelector("b");
  const head = calendar.querySelector("thead tr"), body = calendar.querySelector("tbody");
  const words = (day, options, which = language) => new Intl.DateTimeFormat(which, { timeZone: "UTC", ...options }).format(day);
  const utc = (year, month, day) => new Date(Date.UTC(year, month, day));
  const moved = (day, count) => utc(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + count);
  /* The same day of another month, or its last day. */
  function months(day, count) {
    const [year, month] = [day.getUTCFullYear(), day.getUTCMonth() + count];
    return utc(year, month, Math.min(day.getUTCDate(), utc(year, month + 1, 0).getUTCDate()));
  }
  const plain = (text) => text.normalize("NFD").replace(/[^a-z]/gi, "").toLowerCase();
  const named = [...new Set([language, "en"])].map((which) => [...Array(12).keys()].map((month) => plain(words(utc(2024, month, 1), { month: "long" }, which))));
  function monthOf(text) {
    if (/^\d+$/.test(text)) return Number(text) - 1;
    return named.map((list) => list.findIndex((name) => name.startsWith(plain(text)))).find((found) => found >= 0) ?? -1;
  }
  const WRITTEN = /^\s*(\d{1,2})[-/. ]([^\d\s/-]+|\d{1,2})[-/. ](\d{4})(.*)$/;
  function read(text) {
    const found = text.match(WRITTEN), month = found ? monthOf(found[2]) : -1;
    return month < 0 ? null : { day: utc(Number(found[3]), month, Number(found[1])), rest: found[4].trim() };
  }
  function today() {
    const now = new Date();
    return utc(now.getFullYear(), now.getMonth(), now.getDate());
  }

  let input = null, shown = null, chosen = null;
  for (let day = 1; day <= 7; day += 1) {
    const cell = head.appendChild(document.createElement("th"));
    // 1 January 2024 was a Monday.
    cell.scope = "col";
    cell.abbr = words(utc(2024, 0, day), { weekday: "long" });
    cell.textContent = words(utc(2024, 0, day), { weekday: "short" });
  }
  function cellOf(day) {
    const cell = document.createElement("td"), button = cell.appendChild(document.createElement("button"));
    const same = (other) => Boolean(other) && other.getTime() === day.getTime();
    button.type = "button";
    button.dataset.day = day.toISOString().slice(0, 10);
    button.textContent = day.getUTCDate();
    button.setAttribute("aria-label", words(day, { dateStyle: "full" }));
    button.tabIndex = same(shown) ? 0 : -1;
    if (same(today())) button.setAttribute("aria-current", "date");
    cell.setAttribute("aria-selected", String(same(chosen)));
    return cell;
  }
  function draw() {
    const first = utc(shown.getUTCFullYear(), shown.getUTCMonth(), 1), last = months(first, 1);
    title.textContent = words(first, { month: "long", year: "numeric" });
    body.replaceChildren();
    for (let day = moved(first, -((first.getUTCDay() + 6) % 7)); day < last; day = moved(day, 7)) {
      const row = body.appendChild(document.createElement("tr"));
      for (let at = 0; at < 7; at += 1) {
        const each = moved(day, at);
        row.append(each.getUTCMonth() === first.getUTCMonth() ? cellOf(each) : document.createElement("td"));
      }
    }
  }
  function go(day) {
    shown = day;
    draw();
    body.querySelector("[tabindex='0']").focus();
  }
  function place() {
    const box = input.getBoundingClientRect(), { offsetWidth: width, offsetHeight: height } = calendar;
    const below = box.bottom + height + 8 < innerHeight;
    calendar.style.left = `${Math.max(4, Math.min(box.left, innerWidth - width - 4))}px`;
    calendar.style.top = `${below ? box.bottom + 4 : Math.max(4, box.top - height - 4)}px`;
  }
  function open(field) {
    input = field;
    chosen = read(input.value)?.day || null;
    shown = chosen || today();
    draw();
    calendar.showPopover();
    place();
    go(shown);
  }
  function take(iso) {
    const day = new Date(`${iso}T00:00Z`), pad = String(day.getUTCDate()).padStart(2, "0");
    const timed = /minute|datetime/.test(input.dataset.moment), rest = timed ? read(input.value)?.rest || "" : "";
    // English months are read in every language.
    input.value = `${pad}-${words(day, { month: "short" }, "en-US")}-${day.getUTCFullYear()}${timed ? ` ${rest}` : ""}`;
    calendar.hidePopover();
    input.focus();
    if (timed && !rest) input.dispatchEvent(new Event("input", { bubbles: true }));
    else ["input", "change"].forEach((name) => input.dispatchEvent(new Event(name, { bubbles: true })));
  }

  const KEYS = {
    ArrowLeft: (day) => moved(day, -1), ArrowRight: (day) => moved(day, 1), ArrowUp: (day) => moved(day, -7), ArrowDown: (day) => moved(day, 7),
    Home: (day) => moved(day, -((day.getUTCDay() + 6) % 7)), End: (day) => moved(day, 6 - (day.getUTCDay() + 6) % 7),
    PageUp: (day, years) => months(day, years ? -12 : -1), PageDown: (day, years) => months(day, years ? 12 : 1),
  };
  calendar.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") {
      event.preventDefault();
      calendar.hidePopover();
      return input.focus();
    }
    const step = event.target.dataset.day && KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    go(step(shown, event.shiftKey));
  });
  calendar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.day) return take(button.dataset.day);
    shown = months(shown, Number(button.dataset.months));
    draw();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || !event.altKey || !event.target.matches(DATES)) return;
    event.preventDefault();
    event.stopPropagation();
    open(event.target);
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".calendar-button");
    if (button) open(button.parentElement.querySelector("input"));
  });
  /* In a narrow cell of a table the key is enough. */
  document.querySelectorAll(DATES).forEach((field) => {
    field.setAttribute("aria-keyshortcuts", "Alt+ArrowDown");
    if (field.closest("td") || field.readOnly || field.disabled) return;
    const box = document.createElement("span"), had = document.activeElement === field;
    box.className = ["with-calendar", ...[...field.classList].filter((name) => name.startsWith("w-"))].join(" ");
    field.replaceWith(box);
    box.append(field, shape.content.cloneNode(true));
    if (had) field.focus();
  });
})();
