// History: articles and conversations as cards; the versions of an article with what changed between them.

import { button, difference, h, toast, word } from "./dom.js";
import { cardOf, Shelf, sheet } from "./shelf.js";

/** @import { Given, HistoryCard, ShelfServer, Version } from "./types" */

/** @typedef {(what: { id: number, type: string }) => void} Open */

/** @param {string} iso */
const when = (iso) => new Date(iso).toLocaleString(navigator.language, { dateStyle: "medium", timeStyle: "short" });

/** @param {Given<{ value: number }, ShelfServer<HistoryCard>>} given */
export function mount(given) {
  /** @type {Open} */
  const open = (what) => given.trigger("open", what);
  return new Shelf(given, {
    filters: ["articles", "conversations", "deleted_ones"],
    empty: "history_empty",
    card: (item, shelf) => {
      const facts = { id: item.id, type: item.type };
      const line = [
        when(item.changed),
        item.status ? word(`status_${item.status}`) : "",
        item.liked ? word("liked", { n: item.liked }) : "",
      ];
      const buttons = item.deleted
        ? [button("undelete", "undo-2", () => shelf.act("undelete", facts))]
        : item.type === "conversation"
          ? [button("delete", "trash", () => shelf.remove(facts), { plain: true })]
          : [
              button("rename", "pencil", () => rename(item, shelf), { plain: true }),
              button("duplicate", "copy", () => shelf.act("duplicate", facts), { plain: true }),
              button("versions", "rotate-ccw-clock", () => versions(item, shelf, open), { plain: true }),
              button("delete", "trash", () => shelf.remove(facts), { plain: true }),
            ];
      return cardOf(
        {
          id: item.id,
          small: item.small,
          title: item.title,
          line: line.filter(Boolean).join(" · "),
          open: item.deleted ? null : () => open(facts),
        },
        buttons,
      );
    },
  });
}

/**
 * @param {HistoryCard} item
 * @param {Shelf<HistoryCard>} shelf
 */
function rename(item, shelf) {
  const field = h("input", { value: item.title, "aria-label": word("title"), onkeydown: (e) => e.key === "Enter" && save() });
  const save = async () => {
    if (!(await shelf.act("rename", { id: item.id, title: field.value })).error) shown.close();
  };
  const shown = sheet(word("rename"), field, h("div", { className: "row" }, button("save", "check", save, { kind: "primary" })));
  field.select();
}

/**
 * @param {HistoryCard} item
 * @param {Shelf<HistoryCard>} shelf
 * @param {Open} open
 */
async function versions(item, shelf, open) {
  const answer = await shelf.server.act({ kind: "versions", id: item.id });
  if (answer.error !== undefined) return;
  const change = h("div", { className: "change" });
  const list = h(
    "div",
    { className: "versions" },
    answer.versions.map((version, at) =>
      h(
        "button",
        { type: "button", className: "act", "data-version": String(version.number), onclick: () => show(version, answer.versions[at + 1]) },
        h("span", {}, `${version.number} · ${word(`reason_${version.reason}`)}`),
        h("span", { className: "hint" }, when(version.created)),
      ),
    ),
  );
  /** @type {(version: Version, before?: Version) => Promise<void>} */
  const show = async (version, before) => {
    const texts = await shelf.server.act({ kind: "compare", id: item.id, versions: [before?.number ?? 0, version.number] });
    if (texts.error !== undefined) return void toast(texts.error);
    const restore = button("restore", "undo-2", async () => {
      await shelf.act("restore", { id: item.id, version: version.number });
      shown.close();
      open({ id: item.id, type: "article" });
    });
    change.replaceChildren(
      h(
        "div",
        { className: "new" },
        ...difference(texts.before, texts.after).map(([kind, text]) =>
          kind === "same" ? text : h(kind === "old" ? "del" : "ins", {}, text),
        ),
      ),
      h("div", { className: "row" }, version.current ? "" : restore),
    );
  };
  const shown = sheet(`${word("versions")} · ${item.title}`, h("div", { className: "compare" }, list, change));
  if (answer.versions.length) show(answer.versions[0], answer.versions[1]);
}
