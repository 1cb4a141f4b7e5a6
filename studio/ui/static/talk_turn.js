// One question of a conversation and its answer: what can be done with them, and what the model saw.

import { copy } from "./clipboard.js";
import { button, h, toast, word } from "./dom.js";
import { showPrompt } from "./saw.js";
import { sheet } from "./shelf.js";
import { stepView } from "./talk_tools.js";

/** @import { TalkServer, TalkTurn } from "./types" */

/**
 * @typedef {object} Around what a turn needs of the tab
 * @property {TalkServer} server
 * @property {(asked: { kind: "show_version" | "branch" | "like", id: number } & Record<string, unknown>) => unknown} act
 * @property {(event: string, data: Record<string, unknown>) => void} start
 * @property {() => number} id of the conversation
 */

/** @param {Around} around */
export function turnView({ server, act, start, id }) {
  const question = h("div", { className: "question" });
  const answer = h("div", { className: "answer" });
  const tools = h("div", { className: "row turn-tools" });
  const remark = h("p", { className: "hint", hidden: true });
  const steps = h("div", { className: "steps" });
  const node = h("article", { className: "turn" }, question, steps, answer, remark, tools);
  let drawn = "";

  /**
   * @param {TalkTurn} turn
   * @param {{ running: boolean, last: boolean, said: string }} state
   */
  function draw(turn, { running, last, said }) {
    const now = JSON.stringify([turn, running, last, said]);
    if (now === drawn) return; // a selection, an open sheet and the focus stay
    drawn = now;
    question.replaceChildren(
      ...turn.pictures.map((src) => h("img", { src, alt: "", loading: "lazy" })),
      h("p", {}, turn.question),
      ...turn.files.map((name) => h("span", { className: "file" }, name)),
    );
    steps.replaceChildren(
      ...turn.steps.map((step, number) =>
        stepView(step, {
          open: running && last && !turn.answer && number === turn.steps.length - 1,
          allow: (yes) => server.act({ kind: "allow", id: id(), step: number, yes }),
          fetch,
        }),
      ),
    );
    if (turn.html)
      answer.innerHTML = turn.html; // rendered and sanitised by the studio, see talk_view.py
    else answer.replaceChildren(h("p", { className: "hint" }, said));
    answer.classList.toggle("growing", running && last);
    const remarks = [
      turn.finish === "length" ? word("talk_cut") : "",
      turn.finish === "cancelled" ? word("talk_stopped") : "",
      turn.finish === "failed" ? word("talk_failed") : "",
      turn.unread ? word("talk_unread", { n: turn.unread }) : "",
    ].filter(Boolean);
    remark.hidden = !remarks.length;
    remark.textContent = remarks.join(" ");
    tools.replaceChildren(...(running ? [] : buttons(turn)));
  }

  /** @param {TalkTurn} turn */
  function buttons(turn) {
    const facts = { id: id(), turn: turn.number };
    const versions =
      turn.of > 1
        ? [
            button("talk_earlier", "chevron-left", () => act({ kind: "show_version", ...facts, place: turn.place - 1 }), {
              plain: true,
              disabled: turn.place === 1,
            }),
            h("span", { className: "versions-of" }, `${turn.place}/${turn.of}`),
            button("talk_later", "chevron-right", () => act({ kind: "show_version", ...facts, place: turn.place + 1 }), {
              plain: true,
              disabled: turn.place === turn.of,
            }),
          ]
        : [];
    /** @param {boolean} liked */
    const opinion = (liked) => () => act({ kind: "like", ...facts, liked: turn.liked === liked ? null : liked });
    const like = button("talk_like", "thumbs-up", opinion(true), { plain: true });
    const dislike = button("talk_dislike", "thumbs-down", opinion(false), { plain: true });
    like.setAttribute("aria-pressed", String(turn.liked === true));
    dislike.setAttribute("aria-pressed", String(turn.liked === false));
    return [
      ...versions,
      button("talk_again", "refresh-cw", () => start("again", facts), { plain: true }),
      button("talk_edit", "pencil", () => edit(turn), { plain: true }),
      button("talk_branch", "git-branch", () => act({ kind: "branch", ...facts }), { plain: true }),
      button("talk_copy", "copy", () => copy(turn.answer), { plain: true }),
      like,
      dislike,
      turn.seen ? button("talk_saw", "search", () => saw(turn), { plain: true }) : "",
      turn.model ? h("span", { className: "hint by" }, word("talk_answered_by", { model: turn.model })) : "",
    ].filter((one) => one !== "");
  }

  /** @param {TalkTurn} turn */
  function edit(turn) {
    const field = h("textarea", {
      rows: 4,
      value: turn.question,
      "aria-label": word("talk_edit"),
      onkeydown: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && again(),
    });
    const again = () => {
      shown.close();
      start("edit", { id: id(), turn: turn.number, question: field.value });
    };
    const shown = sheet(word("talk_edit"), field, h("div", { className: "row" }, button("ask_again", "check", again, { kind: "primary" })));
    field.focus();
  }

  /** @param {string} name */
  async function fetch(name) {
    const answer = await server.act({ kind: "fetch_file", id: id(), name });
    if (answer.error !== undefined) return void toast(answer.error);
    h("a", { href: answer.url, download: answer.name }).click();
  }

  /** @param {TalkTurn} turn */
  async function saw(turn) {
    const answer = await server.act({ kind: "saw", seen: turn.seen });
    if (answer.error !== undefined) return void toast(answer.error);
    showPrompt(answer);
  }

  return { node, draw };
}
