// Tools in a conversation: their switches, and the steps of an answer.

import { button, h, word } from "./dom.js";

/** @import { TalkStep, TalkTool } from "./types" */

/** The switches: which tools may be called, and which of them ask first. */
export function toolSwitches() {
  const list = h("div", { className: "tool-list" });
  const summary = h("summary", {}, word("talk_tools"));
  const node = h("details", { className: "tools-on" }, summary, list);
  /** @type {Set<string>} */
  let on = new Set();
  /** @type {Set<string>} */
  let ask = new Set();
  let drawn = "";

  const count = () => {
    summary.textContent = on.size ? `${word("talk_tools")} (${on.size})` : word("talk_tools");
  };
  /**
   * @param {TalkTool} tool
   * @param {Set<string>} set
   * @param {string} label
   */
  const box = (tool, set, label) =>
    h(
      "label",
      { title: tool.why || tool.about },
      h("input", {
        type: "checkbox",
        disabled: !!tool.why,
        checked: set.has(tool.name),
        onchange: (event) => {
          if (/** @type {HTMLInputElement} */ (event.target).checked) set.add(tool.name);
          else set.delete(tool.name);
          count();
        },
      }),
      label,
    );

  return {
    node,
    values: () => ({ tools: [...on], confirm: [...ask] }),
    /**
     * @param {TalkTool[]} tools
     * @param {string[]} chosen
     * @param {string[]} confirm
     */
    draw(tools, chosen, confirm) {
      const now = JSON.stringify([tools, chosen, confirm]);
      if (now === drawn) return;
      drawn = now;
      on = new Set(chosen);
      ask = new Set(confirm);
      node.hidden = !tools.length;
      list.replaceChildren(
        ...tools.map((tool) => {
          const use = box(tool, on, tool.label);
          const first = box(tool, ask, word("talk_tool_ask"));
          first.className = "hint";
          return h("div", { className: "row" }, use, first, tool.why ? h("span", { className: "hint" }, tool.why) : "");
        }),
      );
      count();
    },
  };
}

/**
 * A call of a tool: open while it is under way, folded afterwards.
 *
 * @param {TalkStep} step
 * @param {{ open: boolean, allow: (yes: boolean) => unknown, fetch: (name: string) => unknown }} facts
 */
export function stepView(step, { open, allow, fetch }) {
  const seconds = step.seconds ? ` · ${step.seconds} s` : "";
  const folded = h(
    "details",
    { className: `step ${step.status}` },
    h("summary", {}, h("b", {}, step.tool || "?"), ` · ${word(`talk_step_${step.status}`)}${seconds}`),
    step.asked ? h("pre", {}, step.asked) : "",
    step.result ? h("pre", { className: "result" }, step.result) : "",
  );
  folded.open = open;
  return h(
    "div",
    { className: "step-whole" },
    step.thought ? h("p", {}, step.thought) : "",
    folded,
    step.status === "asking"
      ? h(
          "div",
          { className: "row" },
          button("talk_allow", "play", () => allow(true), { kind: "primary" }),
          button("talk_refuse", "x", () => allow(false)),
        )
      : "",
    step.pictures.map((src) => h("img", { src, alt: "", loading: "lazy" })),
    step.tables.map((table) =>
      h(
        "div",
        { className: "table-made" },
        h(
          "table",
          {},
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              table.columns.map((name) => h("th", { scope: "col" }, name)),
            ),
          ),
          h(
            "tbody",
            {},
            table.rows.map((row) =>
              h(
                "tr",
                {},
                row.map((cell) => h("td", {}, cell)),
              ),
            ),
          ),
        ),
        table.left ? h("p", { className: "hint" }, `+ ${table.left}`) : "",
      ),
    ),
    step.files.length
      ? h(
          "div",
          { className: "row" },
          step.files.map((name) => h("button", { type: "button", className: "act", onclick: () => fetch(name) }, name)),
        )
      : "",
  );
}
