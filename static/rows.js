/* Tables of a form without the mouse: one more row, a row taken away, on to the next cell. */
(() => {
  "use strict";
  const { all, byId, arrive, stops, nextAfter } = stroma, form = byId("entry");
  const cells = (row) => all("td :is(input, select):not([type=hidden], [type=checkbox], .unit)", row);

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
      else if (node.matches(".unit")) node.selectedIndex = 0;
      else if (node.matches("input, select, textarea")) node.value = "";
      node.removeAttribute("aria-invalid");
      node.classList.remove("is-invalid");
    });
    all(".results, .converted", row).forEach((place) => { place.textContent = ""; });
    row.cells[0].textContent = number + 1;
    rows[rows.length - 1].after(row);
    cells(row)[0].focus();
  }

  /* What follows a table: where the work goes on when no row is begun. */
  const leave = (table) => nextAfter(table, stops(form, "button:not([data-add-row])"))?.focus();
  /* Enter goes on to the next cell, past the last one to a new row, out of the table where a row would begin empty;
     Ctrl Delete takes the row away, or back. */
  function goOn(table, row, input) {
    const line = cells(row), next = line[line.indexOf(input) + 1];
    if (input === line[0] && line.every((cell) => !cell.value)) return leave(table);
    if (next) return arrive(next);
    if (row.nextElementSibling) return arrive(cells(row.nextElementSibling)[0]);
    addRow(table);
  }
  all("[name$=-remove]", form).forEach((box) => { box.tabIndex = -1; });
  form.addEventListener("keydown", (event) => {
    const row = event.target.closest("table[data-rows] tbody tr");
    if (!row || event.altKey || event.metaKey) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.target.matches("[type=checkbox]")) {
      event.preventDefault();
      goOn(row.closest("table"), row, event.target);
    }
    if (event.key === "Delete" && event.ctrlKey) {
      event.preventDefault();
      row.querySelector("[name$=-remove]").click();
    }
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-row]");
    if (!button) return;
    event.preventDefault();
    addRow(form.querySelector(`[data-rows="${button.dataset.addRow}"]`));
  });
})();
