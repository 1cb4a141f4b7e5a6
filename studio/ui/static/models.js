// About: the models that are here and could be, their downloads, and which one answers.

import { button, h, toast, word } from "./dom.js";
import { sheet } from "./shelf.js";

/** @import { Answer, DownloadData, EventData, Given, ManagedModelData, ModelList } from "./types" */

const EVERY = 1000; // milliseconds between two looks while something is under way

/**
 * @typedef {object} Functions
 * @property {(nothing: number) => Promise<ModelList>} models
 * @property {(asked: EventData) => Promise<Answer<object>>} manage
 */

/** @param {Given<{ value: number }, Functions>} given */
export function mount({ element, server, watch }) {
  let timer = 0;
  let drawn = "";
  let state = "";

  const draw = async () => {
    clearTimeout(timer);
    const found = await server.models(0);
    if (state && state !== found.state) window.dispatchEvent(new CustomEvent("studio-models")); // other ones answer now
    state = found.state;
    const seen = JSON.stringify(found);
    if (seen !== drawn) {
      drawn = seen;
      const focused = element.querySelector(":focus")?.closest("li")?.dataset.model; // its buttons are drawn anew
      element.replaceChildren(view(found, !!element.querySelector("details[open]"), act));
      /** @type {HTMLElement | null} */ (focused ? element.querySelector(`[data-model="${focused}"] button`) : null)?.focus();
      window.dispatchEvent(new CustomEvent("studio-banner", { detail: found.banner }));
    }
    const busy = found.state === "starting" || found.models.some((m) => m.download?.state === "running");
    if (busy && element.offsetParent) timer = window.setTimeout(draw, EVERY);
  };

  /** @param {EventData} asked */
  const act = async (asked) => {
    const answer = await server.manage(asked);
    if (answer.error) toast(answer.error);
    await draw();
  };

  watch("value", draw);
  draw();
}

/**
 * @param {ModelList} found
 * @param {boolean} more whether those that matter less are shown, too
 * @param {(asked: EventData) => void} act
 */
function view(found, more, act) {
  /** @param {ManagedModelData} model */
  const matters = (model) => model.running || model.suggested || model.presence !== "absent" || model.download !== null;
  /** @param {ManagedModelData} model */
  const draw = (model) => row(model, found.manages, act);
  const near = found.models.filter(matters);
  const others = found.models.filter((model) => !matters(model));
  const loading = found.state === "starting" ? word("state_starting") : found.error;
  return h(
    "section",
    { className: "about models", "aria-label": word("models_title") },
    h("h2", {}, word("models_title")),
    h("p", {}, word(found.manages ? "models_how" : "models_theirs")),
    loading ? h("p", { className: "now", role: "status" }, loading) : "",
    h("ul", {}, ...near.map(draw)),
    h("details", more ? { open: "" } : {}, h("summary", {}, word("models_more")), h("ul", {}, ...others.map(draw))),
  );
}

/**
 * @param {ManagedModelData} model
 * @param {boolean} manages
 * @param {(asked: EventData) => void} act
 */
function row(model, manages, act) {
  const { name, download } = model;
  const running = download?.state === "running";
  const facts = [
    model.size ? bytes(model.size) : "",
    name === "starter" ? word("model_starter") : model.memory ? word("model_memory", { n: `${model.memory / 1e9} GB` }) : word("model_gpu"),
    model.licence,
  ].filter(Boolean);
  return h(
    "li",
    { "data-model": name, className: model.running ? "running" : "" },
    h(
      "div",
      { className: "what" },
      h("b", {}, name),
      h("span", { className: "role" }, model.roles.map((role) => word(`does_${role}`)).join(" · ")),
      model.running ? h("span", { className: "mark" }, word("model_running")) : "",
      !model.running && model.suggested ? h("span", { className: "mark" }, word("model_suggested")) : "",
      h("small", {}, facts.join(" · ")),
      download ? progress(download) : "",
    ),
    manages ? h("div", { className: "acts" }, ...acts(model, running, act)) : "",
  );
}

/**
 * @param {ManagedModelData} model
 * @param {boolean} running
 * @param {(asked: EventData) => void} act
 */
function acts(model, running, act) {
  const { name } = model;
  if (running) return [button("stop", "square", () => act({ kind: "stop", name }))];
  const found = [];
  if (model.presence === "here" && !model.running) found.push(button("model_use", "play", () => act({ kind: "use", name })));
  if (model.presence !== "here" && model.sources.length) {
    const source = h(
      "select",
      { "aria-label": word("model_source") },
      ...model.sources.map((each) => h("option", { value: each }, word(`source_${each}`))),
    );
    const more = model.presence === "partial" ? "model_resume" : "download";
    found.push(
      source,
      button(more, "download", () => act({ kind: "download", name, source: source.value })),
    );
  }
  if (model.removable && !model.running) found.push(button("delete", "trash", () => confirm(name, act), { plain: true }));
  return found;
}

/**
 * Gigabytes are not deleted by a slip of the hand.
 *
 * @param {string} name
 * @param {(asked: EventData) => void} act
 */
function confirm(name, act) {
  const remove = () => {
    asked.close();
    act({ kind: "remove", name });
  };
  const asked = sheet(
    word("model_remove", { name }),
    h("div", { className: "row" }, button("delete", "trash", remove, { kind: "primary" })),
  );
}

/** @param {DownloadData} download */
function progress({ state, done, total, speed, left, error }) {
  if (state === "failed") return h("p", { className: "wrong", role: "alert" }, error);
  const part = total ? ` / ${bytes(total)}` : "";
  const pace = state === "running" && speed ? ` · ${bytes(speed)}/s` : "";
  const rest = state === "running" && left !== null ? ` · ${word("model_left", { n: duration(left) })}` : "";
  return h(
    "div",
    { className: "progress" },
    h("progress", total ? { max: total, value: done } : {}),
    h("small", {}, state === "stopped" ? word("model_stopped") : `${bytes(done)}${part}${pace}${rest}`),
  );
}

/** @param {number} n */
function bytes(n) {
  const [unit, size] = n >= 1e9 ? ["GB", 1e9] : n >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  return `${(n / size).toFixed(n / size < 10 ? 1 : 0)} ${unit}`;
}

/** @param {number} seconds */
function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? word("time_minutes", { n: minutes }) : word("time_seconds", { n: Math.ceil(seconds) });
}
