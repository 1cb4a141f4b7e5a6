// A table of answers: drawn once, then changed cell by cell, so that nothing moves under the reader while it fills.

import { arrange, h, word } from "./dom.js";
import { cards } from "./examples.js";
import { sheet } from "./shelf.js";

class Sheet {
  constructor({ element, props, watch, trigger }) {
    this.props = props;
    this.bar = h("progress", { hidden: true, "aria-hidden": "true" });
    this.said = h("span", { role: "status" });
    this.line = h("div", { className: "line" }, this.bar, this.said);
    this.notes = h("div", { className: "notes" });
    this.head = h("thead");
    this.body = h("tbody");
    this.table = h("div", { className: "cells", tabindex: "0", role: "region", "aria-label": word("table") },
      h("table", {}, this.head, this.body));
    this.empty = h("div", { className: "empty welcome" }, h("p", {}, word("table_empty")),
      cards(props.examples || [], (place) => trigger("example", { place })));
    this.skipped = h("ul");
    this.left = h("summary");
    this.out = h("details", {}, this.left, this.skipped);
    element.replaceChildren(h("div", { className: "sheet" }, this.line, this.empty, this.table, this.notes, this.out));
    watch("value", () => this.take(this.props.value));
    this.take(this.props.value);
  }

  take(doc) {
    if (!doc) return;
    if (doc.id !== this.id) {
      this.id = doc.id;
      this.rows = new Map();
      const names = [word("table_picture"), ...doc.questions];
      this.head.replaceChildren(h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name))));
    }
    const any = doc.rows.length > 0;
    this.table.hidden = !any;
    this.empty.hidden = any || Boolean(doc.said);
    this.bar.hidden = !doc.running;
    if (doc.of) Object.assign(this.bar, { max: doc.of, value: doc.number });
    else this.bar.removeAttribute("value");
    this.line.classList.toggle("wrong", Boolean(doc.wrong));
    set(this.said, doc.said);
    arrange(this.body, doc.rows.map((row) => this.row(row)));
    this.notes.replaceChildren(...doc.notes.map((note) => h("p", {}, note)));
    this.out.hidden = doc.skipped.length === 0;
    if (this.skipped.childElementCount !== doc.skipped.length) {
      set(this.left, word("table_skipped", { n: doc.skipped.length }));
      this.skipped.replaceChildren(...doc.skipped.map((reason) => h("li", {}, reason)));
    }
  }

  /** The row's element. A row that has not changed comes as its number alone. */
  row(row) {
    let made = this.rows.get(row.number);
    if (!made) {
      const cells = row.cells.map(() => h("td", {}, h("span"), h("small")));
      const look = () => sheet(row.name, h("img", { src: row.picture, alt: row.name }));
      const picture = h("button", { type: "button", title: row.name, "aria-label": row.name, onclick: look },
        h("img", { src: row.small, alt: "", loading: "lazy", width: 112, height: 84 }));
      const name = h("span", { title: row.name }, row.name);
      made = { cells, element: h("tr", {}, h("th", { scope: "row" }, picture, name), ...cells) };
      this.rows.set(row.number, made);
    }
    row.cells?.forEach((cell, at) => {
      const [text, remark] = made.cells[at].children;
      set(text, cell.text);
      set(remark, cell.remark);
      if (made.cells[at].className !== cell.state) made.cells[at].className = cell.state;
    });
    return made.element;
  }
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const mount = (given) => new Sheet(given);
