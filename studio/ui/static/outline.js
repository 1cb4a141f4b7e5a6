// The outline: a list of headings that is typed, dragged, indented and deleted. Its value is a list of lines, indented
// ones with two blanks in front.

import { button, h, icon, word } from "./dom.js";
import { carried } from "./touch.js";

/** @import { Given } from "./types" */

/**
 * A heading; `deep` ones are indented.
 *
 * @typedef {{ text: string, deep: boolean }} Row
 */

/** @param {Given<{ value: string[] | null }>} given */
export function mount({ element, props, watch, trigger }) {
  /** @type {Row[]} */
  let rows = [];
  const list = h("ol", { className: "rows" });
  const draft = button("draft_outline", "list-tree", () => trigger("draft"), { kind: "draft" });
  const add = button("add_heading", "plus", () => {
    rows.push({ text: "", deep: false });
    draw(rows.length - 1);
  });
  element.replaceChildren(
    h(
      "div",
      { className: "outline" },
      h("span", { className: "label" }, word("outline")),
      list,
      h("div", { className: "row" }, draft, add),
    ),
  );

  const tell = () => {
    props.value = rows.filter((row) => row.text.trim()).map((row) => (row.deep ? "  " : "") + row.text.trim());
  };
  /** @type {(from: number, to: number) => void} */
  const drop = (from, to) => {
    rows.splice(to, 0, ...rows.splice(from, 1));
    draw(to);
  };

  function draw(focus = -1) {
    list.replaceChildren(
      ...rows.map((row, at) => {
        const field = h("input", {
          value: row.text,
          "aria-label": word("heading", { n: at + 1 }),
          placeholder: word("heading", { n: at + 1 }),
          oninput: () => {
            row.text = field.value;
            tell();
          },
          onpaste: (event) => {
            const lines = event.clipboardData
              .getData("text")
              .split(/\r?\n/)
              .filter((line) => line.trim());
            if (lines.length < 2) return;
            event.preventDefault();
            rows.splice(at, row.text ? 0 : 1, ...lines.map(read));
            draw(at + lines.length - 1);
          },
          onkeydown: (event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              rows.splice(at + 1, 0, { text: "", deep: row.deep });
              draw(at + 1);
            }
            if (event.key === "Backspace" && !field.value) {
              event.preventDefault();
              rows.splice(at, 1);
              draw(Math.max(0, at - 1));
            }
            if (event.altKey && event.key === "ArrowUp" && at) {
              event.preventDefault();
              drop(at, at - 1);
            }
            if (event.altKey && event.key === "ArrowDown" && at < rows.length - 1) {
              event.preventDefault();
              drop(at, at + 1);
            }
          },
        });
        const grip = h(
          "span",
          {
            className: "grip",
            draggable: true,
            title: word("drag"),
            ondragstart: (event) => event.dataTransfer.setData("text/studio-row", String(at)),
          },
          icon("grip-vertical"),
        );
        const item = h(
          "li",
          {
            className: row.deep ? "deep" : "",
            ondragover: (event) => event.dataTransfer.types.includes("text/studio-row") && event.preventDefault(),
            ondrop: (event) => {
              event.preventDefault();
              drop(Number(event.dataTransfer.getData("text/studio-row")), at);
            },
          },
          grip,
          field,
          button(
            "indent",
            row.deep ? "list-indent-decrease" : "list-indent-increase",
            () => {
              row.deep = !row.deep;
              draw(at);
            },
            { plain: true },
          ),
          button(
            "delete",
            "x",
            () => {
              rows.splice(at, 1);
              draw();
            },
            { plain: true },
          ),
        );
        carried(grip, item, drop);
        return item;
      }),
    );
    tell();
    if (focus >= 0) list.querySelectorAll("input")[focus]?.focus();
  }

  const take = () => {
    const told = (props.value || []).map(read);
    if (JSON.stringify(told) === JSON.stringify(rows.filter((row) => row.text.trim()))) return;
    rows = told;
    draw();
  };
  watch("value", take);
  take();
}

/** @type {(line: string) => Row} */
const read = (line) => ({ text: line.replace(/^[\s#\-*]+|^\d+[.、)]\s*/g, "").trim(), deep: /^(\s{2,}|\t|###)/.test(line) });
