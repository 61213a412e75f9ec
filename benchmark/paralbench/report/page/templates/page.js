// Sorting, filtering, downloads, and the charts' choices. The tables are in the page as they are
// read without this script. Sorting is ours because the libraries that a Python package carries
// (DataTables in itables) weigh 600 kB with jQuery and make spans, not buttons, of column heads.
"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // -- data: columns of values, or of codes into levels

  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    const lists = names.map((name) => {
      const column = columns[name];
      return Array.isArray(column) ? column : column.codes.map((code) => column.levels[code] ?? null);
    });
    return (lists[0] ?? []).map((_, i) => Object.fromEntries(names.map((name, j) => [name, lists[j][i]])));
  };
  const cache = new Map();
  const data = (key, columns) => {
    if (!cache.has(key)) cache.set(key, rowsOf(columns));
    return cache.get(key);
  };

  // -- texts

  const written = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value !== "number" || Number.isInteger(value)) return String(value);
    return Math.abs(value) < 10 ? value.toFixed(3).replace(/^(-?)0\./, "$1.") : value.toFixed(2);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b
    : String(a).localeCompare(String(b), "en", { numeric: true }));
  const lacking = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);
  const sorted = (rows, value, direction) => [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (lacking(x) || lacking(y)) return lacking(x) - lacking(y);
    return direction * compare(x, y);
  });

  // -- downloads

  const save = (content, type, name) => {
    const link = element("a", undefined, { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const quoted = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const saveTable = (columns, rows, name) => {
    const keys = Object.keys(columns);
    const lines = [Object.values(columns), ...rows.map((row) => keys.map((key) => row[key]))];
    save(lines.map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n", "text/csv", `${name}.csv`);
  };

  // -- the leaderboard: rows of the page, sorted and filtered

  const turned = (head, start) => (head.getAttribute("aria-sort") === "none" ? start
    : head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
  const mark = (head, direction) => {
    for (const other of head.parentElement.children) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    head.setAttribute("aria-sort", direction);
  };
  for (const table of all("table.sortable")) {
    const body = table.tBodies[0];
    all("thead button", table).forEach((button) => button.addEventListener("click", () => {
      const head = button.closest("th");
      const best = button.hasAttribute("data-lower") || head.cellIndex === (table.rows[0].cells[1]?.textContent.trim() === "mean rank" ? 1 : 0);
      const direction = turned(head, best || button.dataset.sort === "text" ? "ascending" : "descending");
      const value = (row) => {
        const cell = row.cells[head.cellIndex];
        if (button.dataset.sort === "text") return cell.textContent;
        return cell.dataset.value === "" ? null : Number(cell.dataset.value);
      };
      mark(head, direction);
      body.append(...sorted(body.rows, value, direction === "ascending" ? 1 : -1));
    }));
  }
  const controls = document.getElementById("leaderboard-controls");
  if (controls) {
    const boards = all(".board");
    const filter = controls.querySelector("[data-filter]");
    const show = () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const board of boards) {
        const rows = [...board.querySelector("tbody").rows];
        for (const row of rows) row.hidden = !row.dataset.name.toLowerCase().includes(wanted);
        if (!board.hidden) {
          const seen = rows.filter((row) => !row.hidden).length;
          controls.querySelector("[data-count]").textContent = `${seen} of ${rows.length} rows`;
        }
      }
    };
    filter.addEventListener("input", show);
    controls.querySelector("[data-intervals]").addEventListener("change", (event) => {
      for (const board of boards) board.classList.toggle("no-intervals", !event.target.checked);
    });
    controls.querySelector("[data-probe]")?.addEventListener("change", (event) => {
      boards.forEach((board, index) => { board.hidden = String(index) !== event.target.value; });
      show();
    });
    const { columns, frame } = page.leaderboard;
    controls.querySelector("[data-csv-of]").addEventListener("click", () => saveTable(columns, data("leaderboard", frame), "leaderboard"));
    show();
  }

  // -- all scores

  const explorer = document.getElementById("all-scores");
  if (explorer) {
    const { columns, frame, numeric } = page.explorer;
    const box = document.getElementById("explorer-controls");
    const search = box.querySelector("[data-explore]");
    const more = document.querySelector("[data-more]");
    const selects = all("[data-explore-by]", box);
    const rows = data("explorer", frame);
    let shown = 100;
    let key = null;
    let direction = 1;
    const option = (value, text) => element("option", text, { value });
    for (const select of selects) {
      const levels = [...new Set(rows.map((row) => row[select.dataset.exploreBy]))];
      select.append(option("", "all"), ...levels.sort(compare).map((level) => option(level, level)));
      const first = page.explorer.start[select.dataset.exploreBy];
      if (first && levels.includes(first)) select.value = first;
    }
    const chosen = () => {
      const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      const found = rows.filter((row) =>
        selects.every((select) => !select.value || row[select.dataset.exploreBy] === select.value)
        && (!wanted.length || (() => {
          const text = Object.keys(columns).map((name) => row[name] ?? "").join(" ").toLowerCase();
          return wanted.every((word) => text.includes(word));
        })()));
      return key ? sorted(found, (row) => row[key], direction) : found;
    };
    const draw = () => {
      const found = chosen();
      const lines = found.slice(0, shown).map((row) => {
        const line = element("tr");
        for (const name of Object.keys(columns)) {
          line.append(element("td", written(row[name]), numeric.includes(name) ? { class: "number" } : {}));
        }
        return line;
      });
      explorer.tBodies[0].replaceChildren(...lines);
      box.querySelector("[data-count]").textContent = `${found.length} of ${rows.length} rows`;
      more.hidden = found.length <= shown;
    };
    const restart = () => { shown = 100; draw(); };
    search.addEventListener("input", restart);
    for (const select of selects) select.addEventListener("change", restart);
    more.addEventListener("click", () => { shown += 500; draw(); });
    all("thead button", explorer).forEach((button) => button.addEventListener("click", () => {
      const head = button.closest("th");
      const turn = turned(head, numeric.includes(button.dataset.key) ? "descending" : "ascending");
      mark(head, turn);
      key = button.dataset.key;
      direction = turn === "ascending" ? 1 : -1;
      draw();
    }));
    box.querySelector("[data-csv-of]").addEventListener("click", () => saveTable(columns, chosen(), "scores"));
    draw();
  }

  // -- charts

  class Figure {
    constructor(root) {
      this.root = root;
      this.id = root.dataset.figure;
      Object.assign(this, page.figures[this.id]);
      this.sets = Object.fromEntries(Object.entries(this.data).map(([name, columns]) => [name, data(`${this.id} ${name}`, columns)]));
      this.main = Object.values(this.sets)[0];
      this.chosen = {};
      this.details = root.querySelector("details.numbers");
      this.selects = Object.entries(this.choices).map(([key, label]) => {
        const select = element("select");
        select.addEventListener("change", () => { this.chosen[key] = select.value; this.draw(); });
        const wrapped = element("label", label);
        wrapped.append(select);
        root.querySelector(".controls").append(wrapped);
        return { key, select, wrapped };
      });
      this.details.addEventListener("toggle", () => this.table());
      root.querySelector("[data-csv]").addEventListener("click", () => saveTable(this.columns, this.main.filter((row) => !("value" in row) || row.value !== null), this.id));
      root.querySelector("[data-svg]").addEventListener("click", async () => {
        if (this.view) save(await this.view.toSVG(), "image/svg+xml", `${this.id}.svg`);
      });
    }

    // Each choice offers what the choices before it leave.
    choose() {
      let rows = this.main;
      for (const { key, select, wrapped } of this.selects) {
        const levels = [...new Set(rows.map((row) => row[key]))];
        if (!levels.includes(this.chosen[key])) this.chosen[key] = levels[0];
        select.replaceChildren(...levels.map((level) => element("option", level, { value: level })));
        select.value = this.chosen[key];
        wrapped.hidden = levels.length < 2 && new Set(this.main.map((row) => row[key])).size < 2;
        rows = rows.filter((row) => row[key] === this.chosen[key]);
      }
      this.rows = rows;
      return Object.fromEntries(Object.entries(this.sets).map(([name, set]) => [name, set.filter((row) =>
        Object.keys(this.choices).every((key) => !(key in row) || row[key] === this.chosen[key]))]));
    }

    specification(sets) {
      const first = this.rows[0] ?? {};
      const spec = JSON.parse(JSON.stringify(this.spec), (_, value) =>
        (typeof value === "string" ? value.replace(/§(\w+)§/g, (_, name) => first[name] ?? "") : value));
      const what = Object.entries(this.choices).map(([key, label]) => `${label}: ${this.chosen[key]}`).join("; ");
      this.root.querySelector(".chosen").textContent = what;
      spec.description = `${this.root.querySelector("h3").textContent}. ${what}. The numbers are in the table below.`;
      spec.datasets = sets;
      spec.config.legend.columns = this.root.clientWidth < 500 ? 1 : 3;
      if (this.kind === "wide") {
        spec.autosize = { type: "fit-x", contains: "padding" };
        const line = "pair" in first ? "pair" : "name";
        const lines = new Set(this.rows.map((row) => row[line])).size;
        if (spec.height.step) spec.height = spec.height.step * lines;
      }
      if (this.kind === "panels") {
        const width = this.root.clientWidth - 64;
        const panels = new Set(this.rows.map((row) => row.name)).size;
        const columns = Math.max(1, Math.min(5, panels, Math.floor(width / 126)));
        spec.columns = columns;
        spec.config.header.labelLimit = Math.floor(width / columns) - 10;
        spec.spec.width = Math.min(220, Math.floor(width / columns) - 16);
      }
      return spec;
    }

    async draw() {
      const sets = this.choose();
      const lacks = this.rows.length === 0;
      this.root.querySelector(".nothing").hidden = !lacks;
      this.root.querySelector(".chart").hidden = lacks;
      this.table();
      if (lacks) return;
      const made = await vegaEmbed(this.root.querySelector(".chart"), this.specification(sets), {
        actions: false, ast: true, renderer: "svg", tooltip: { theme: "custom" }, logLevel: 1,
      });
      this.view?.finalize();
      this.view = made.view;
    }

    table() {
      if (!this.details.open) return;
      const names = Object.entries(this.columns);
      const rows = this.rows.filter((row) => !("value" in row) || row.value !== null);
      const head = element("tr");
      head.append(...names.map(([, label]) => element("th", label, { scope: "col" })));
      const body = element("tbody");
      body.append(...rows.map((row) => {
        const line = element("tr");
        line.append(...names.map(([key]) => element("td", written(row[key]), typeof row[key] === "number" ? { class: "number" } : {})));
        return line;
      }));
      const top = element("thead");
      top.append(head);
      this.root.querySelector("table.shown").replaceChildren(top, body);
    }
  }

  // One after the other, so that the page can be read and used meanwhile.
  const start = async () => {
    const figures = all("[data-figure]").map((root) => new Figure(root));
    for (const figure of figures) {
      await figure.draw();
      await new Promise((resolve) => setTimeout(resolve));
    }
    let width = window.innerWidth;
    let waiting;
    window.addEventListener("resize", () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      clearTimeout(waiting);
      waiting = setTimeout(() => figures.filter((one) => one.kind === "panels").forEach((one) => one.draw()), 200);
    });
    document.documentElement.dataset.ready = "yes";
  };
  start();
})();
