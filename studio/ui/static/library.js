// The library: every picture that articles can be illustrated with; own ones are added, described and removed here.

import { button, h, toast, word } from "./dom.js";
import { cardOf, Shelf, sheet } from "./shelf.js";
import { send } from "./upload.js";

/** @import { Given, LibraryCard, ShelfServer } from "./types" */

/** @param {Given<{ value: number }, ShelfServer<LibraryCard>>} given */
export function mount(given) {
  /** @type {HTMLInputElement} */
  const file = h("input", {
    type: "file",
    accept: "image/*,.heic,.heif",
    multiple: true,
    hidden: true,
    onchange: () => add([...(file.files ?? [])]),
  });
  /** @type {Shelf<LibraryCard>} */
  const shelf = new Shelf(given, {
    filters: ["all_pictures", "own_pictures", "starter_pictures"],
    empty: "library_empty",
    extra: [button("add_pictures", "image-plus", () => file.click(), { kind: "primary" }), file],
    card: (item) =>
      cardOf(
        { id: item.key, small: item.small, title: item.title, line: item.caption, open: () => look(item) },
        item.own
          ? [
              button("describe", "pencil", () => describe(item), { plain: true }),
              button("delete", "trash", () => shelf.remove({ key: item.key }), { plain: true }),
            ]
          : [],
      ),
  });
  /** @param {File[]} files */
  async function add(files) {
    /** @type {string[]} */
    const problems = [];
    for (const one of files) {
      toast(word("adding", { name: one.name }));
      const { path, problem } = await send(given.upload, one);
      const { error } = path ? await shelf.act("add", { path, name: one.name }) : { error: problem };
      if (error) problems.push(error);
    }
    file.value = "";
    document.querySelector(".toast")?.remove();
    if (problems.length === 1) toast(problems[0]);
    if (problems.length > 1) {
      const title = word("not_added", { count: problems.length, of: files.length });
      sheet(
        title,
        h(
          "ul",
          {},
          problems.map((sentence) => h("li", {}, sentence)),
        ),
      );
    }
  }
  /** @param {LibraryCard} item */
  function look(item) {
    sheet(item.title, h("img", { src: item.picture, alt: item.caption }), h("p", {}, item.caption));
  }
  /** @param {LibraryCard} item */
  function describe(item) {
    const field = h("textarea", { rows: 3, value: item.caption, "aria-label": word("caption") });
    const save = async () => {
      if (!(await shelf.act("describe", { key: item.key, caption: field.value })).error) shown.close();
    };
    const shown = sheet(word("describe"), field, h("div", { className: "row" }, button("save", "check", save, { kind: "primary" })));
  }
  const element = given.element;
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    add([...(event.dataTransfer?.files ?? [])]);
  });
  return shelf;
}
