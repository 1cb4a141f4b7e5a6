// Personas as cards, and the form of one's own.

import { button, h, toast, word } from "./dom.js";
import { sheet } from "./shelf.js";
import { send } from "./upload.js";

/** @import { PersonaCard, PersonaForm, TalkServer, Upload } from "./types" */

/** @param {{ server: TalkServer, upload: Upload, chosen: (key: string) => void, changed: () => unknown }} around */
export function personaCards({ server, upload, chosen, changed }) {
  const file = h("input", { type: "file", accept: ".json,.png", hidden: true, onchange: () => take() });

  /**
   * @param {PersonaCard[]} personas
   * @param {string} current
   * @param {(question: string) => void} ask
   */
  function draw(personas, current, ask) {
    const persona = personas.find((one) => one.key === current);
    return [
      h("p", { className: "hint" }, word("talk_empty")),
      h(
        "div",
        { className: "cards", role: "radiogroup", "aria-label": word("personas") },
        personas.map((one) => card(one, one.key === current)),
      ),
      h(
        "div",
        { className: "row" },
        button("persona_new", "user-plus", () => form(null)),
        button("persona_import", "upload", () => file.click()),
        file,
        persona ? button(persona.own ? "persona_edit" : "persona_copy", persona.own ? "pencil" : "copy", () => edit(persona)) : "",
        persona ? button("persona_export", "download", () => save(persona)) : "",
        persona?.own ? button("persona_delete", "trash", () => remove(persona)) : "",
      ),
      h(
        "div",
        { className: "openers" },
        (persona?.openers ?? []).map((question) =>
          h("button", { type: "button", className: "act", onclick: () => ask(question) }, question),
        ),
      ),
    ];
  }

  /**
   * @param {PersonaCard} one
   * @param {boolean} current
   */
  function card(one, current) {
    const line = [one.own ? word("persona_own") : "", one.model ? word("persona_about_model", { model: one.model }) : ""].filter(Boolean);
    return h(
      "button",
      {
        type: "button",
        className: "persona",
        role: "radio",
        "aria-checked": String(current),
        "data-key": one.key,
        onclick: () => chosen(one.key),
      },
      h("img", { src: one.picture, alt: "", width: 72, height: 72 }),
      h("b", {}, one.name),
      h("span", { className: "about" }, one.about),
      h("span", { className: "hint" }, line.join(" · ")),
    );
  }

  /** @param {PersonaCard} persona */
  async function edit(persona) {
    const answer = await server.act({ kind: "edit_persona", key: persona.key });
    if (answer.error !== undefined) toast(answer.error);
    else form(answer);
  }

  /** @param {PersonaForm | null} given */
  function form(given) {
    let path = "";
    const fields = {
      name: h("input", { value: given?.name ?? "", "aria-label": word("persona_name") }),
      system: h("textarea", {
        rows: 6,
        value: given?.system ?? "",
        placeholder: word("persona_system_hint"),
        "aria-label": word("persona_system"),
      }),
      greeting: h("textarea", { rows: 2, value: given?.greeting ?? "", "aria-label": word("persona_greeting") }),
      examples: h("textarea", { rows: 4, value: given?.examples ?? "", "aria-label": word("persona_examples") }),
      model: h("input", { value: given?.model ?? "", "aria-label": word("persona_model") }),
    };
    const picture = h("img", { src: given?.picture ?? "personas/own.svg", alt: "", width: 72, height: 72 });
    const choose = h("input", {
      type: "file",
      accept: "image/*",
      "aria-label": word("persona_picture"),
      onchange: async () => {
        const chosen = choose.files?.[0];
        if (!chosen) return;
        const answer = await send(upload, chosen);
        if (answer.problem !== undefined) return void toast(answer.problem);
        path = answer.path;
        picture.src = URL.createObjectURL(chosen);
      },
    });
    const temperature = h("input", { type: "number", min: "0", max: "2", step: "any", value: String(given?.sampling.temperature ?? "") });
    const topP = h("input", { type: "number", min: "0", max: "1", step: "any", value: String(given?.sampling.top_p ?? "") });
    const keep = async () => {
      const sampling = { ...given?.sampling };
      for (const [name, input] of /** @type {[string, HTMLInputElement][]} */ ([
        ["temperature", temperature],
        ["top_p", topP],
      ])) {
        if (input.value === "") delete sampling[name];
        else sampling[name] = Number(input.value);
      }
      const texts = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
      const answer = await server.act({ kind: "save_persona", key: given?.key ?? "", ...texts, sampling, ...(path ? { path } : {}) });
      if (answer.error !== undefined) return void toast(answer.error);
      shown.close();
      await changed();
      chosen(answer.key);
    };
    const shown = sheet(
      word(given ? "persona_edit" : "persona_new"),
      h(
        "div",
        { className: "persona-form" },
        h("div", { className: "row" }, picture, choose),
        Object.entries(fields).map(([name, field]) => h("label", {}, h("span", {}, word(`persona_${name}`)), field)),
        h(
          "div",
          { className: "row" },
          h("label", {}, h("span", {}, word("talk_temperature")), temperature),
          h("label", {}, h("span", {}, word("talk_top_p")), topP),
        ),
      ),
      h("div", { className: "row" }, button("save", "check", keep, { kind: "primary" })),
    );
    fields.name.focus();
  }

  async function take() {
    const [given] = file.files ?? [];
    if (!given) return;
    const { path } = await upload(given).catch(() => ({ path: "" }));
    file.value = "";
    if (!path) return void toast(word("not_reached", { name: given.name }));
    const answer = await server.act({ kind: "import_persona", path });
    if (answer.error !== undefined) return void toast(answer.error);
    toast(word("persona_taken", { name: answer.name }));
    await changed();
    chosen(answer.key);
  }

  /** @param {PersonaCard} persona */
  async function save(persona) {
    const answer = await server.act({ kind: "export_persona", key: persona.key });
    if (answer.error !== undefined) return void toast(answer.error);
    h("a", { href: answer.url, download: answer.name }).click();
  }

  /** @param {PersonaCard} persona */
  async function remove(persona) {
    const answer = await server.act({ kind: "delete_persona", key: persona.key });
    if (answer.error !== undefined) return void toast(answer.error);
    chosen("");
    await changed();
    toast(word("deleted"), {
      name: word("undo"),
      run: () => server.act({ kind: "undelete_persona", key: persona.key }).then(changed),
    });
  }

  return { draw };
}
