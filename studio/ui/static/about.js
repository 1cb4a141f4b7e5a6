// About: facts as lists, and the commands that help, ready to be copied.

import { copy } from "./clipboard.js";
import { button, h, word } from "./dom.js";

/** @import { Given, Report } from "./types" */

const KEYS = [
  ["Enter", "key_select"],
  ["← →, Shift+← →", "key_words"],
  ["Shift+↑ ↓", "key_paragraphs"],
  ["Ctrl+K", "key_ask"],
  ["Ctrl+Enter", "key_send"],
  ["Esc", "key_leave"],
  ["Ctrl+Z, Ctrl+Shift+Z", "key_undo"],
];

/** @param {Given<{ value: number }, { report: (nothing: number) => Promise<Report> }>} given */
export function mount({ element, server, watch }) {
  const draw = async () => {
    const f = await server.report(0);
    element.replaceChildren(
      h(
        "div",
        { className: "about" },
        h("h2", {}, word("about_models")),
        list([
          ...f.models.map((m) => [word(`role_${m.role}`), `${m.name} · ${word("tokens_of_context", { n: m.context })}`]),
          [word("about_state"), word(`state_${f.state}`)],
          ...(f.restarts ? [[word("about_restarts"), String(f.restarts)]] : []),
          [word("about_waiting"), String(f.waiting)],
        ]),
        ...(f.memory.length + f.gpus.length
          ? [h("h2", {}, word("about_memory")), list([...f.memory, ...f.gpus].map((m) => [named(m.name), m.size]))]
          : []),
        h("h2", {}, word("about_get")),
        h("p", {}, word("about_get_how")),
        list(
          f.found
            .filter((m) => m.folder)
            .map((m) => [m.name, `${m.folder}${m.wanted ? ` · ${word("about_part", { present: m.present, wanted: m.wanted })}` : ""}`]),
        ),
        ...f.found
          .filter((m, place) => m.wanted || (place < 2 && !m.folder))
          .map((m) => command(`uv run studio models download ${m.name}`)),
        command("uv run studio doctor"),
        h("h2", {}, word("about_keys")),
        list(KEYS.map(([keys, what]) => [keys, word(what)])),
        h("h2", {}, word("about_far")),
        h("p", {}, word("about_far_how")),
        command(`ssh -CNg -L ${f.port}:127.0.0.1:${f.port} user@server`),
        h("h2", {}, word("about_kept")),
        list([
          [word("about_folder"), f.data],
          [word("all_pictures"), String(f.pictures)],
          ["XComposer Studio", f.version],
        ]),
      ),
    );
  };
  window.addEventListener("studio-models", draw);
  watch("value", draw);
  draw();
}

/** A kind of memory at the end of a name in the reader's language. @param {string} name */
const named = (name) => name.replace(/\b(weights|cache|pictures|process|main memory)$/, (kind) => word(`memory_${kind.replace(" ", "_")}`));

/** @param {string[][]} pairs of a name and a value */
const list = (pairs) =>
  h(
    "dl",
    {},
    pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );

/** @param {string} text */
const command = (text) =>
  h(
    "pre",
    {},
    h("code", {}, text),
    button("copy", "copy", () => copy(text), { plain: true }),
  );
