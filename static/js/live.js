// Answers while one draws: asked for after a short rest, one request at a time, stale ones dropped.

import { Problem } from "./server.js";

const REST_MS = 100; // with the pen down
const LIFTED_MS = 30; // with the pen lifted: most likely a stroke is complete
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 8000;

/**
 * Calls questions() for the list of {ask, show}, in order of importance, that the drawing as it is now raises:
 * ask() is a promise of an answer, show(answer) puts it on the page. fail(problem, retryMs) shows what went wrong.
 */
export class LiveAnswers {
  #version = 0; // of the drawing; an answer to an older one is stale
  #answered = -1; // the version of the last answer shown
  #busy = false;
  #again = false;
  #timer = 0;
  #retryMs = FIRST_RETRY_MS;

  constructor({ questions, fail }) {
    this.questions = questions;
    this.fail = fail;
    addEventListener("online", () => this.#retryMs > FIRST_RETRY_MS && this.askNow());
  }

  /** The drawing changed: what is under way is stale. */
  outdate() {
    this.#version += 1;
    clearTimeout(this.#timer);
  }

  askSoon(lifted = false) {
    clearTimeout(this.#timer);
    if (this.#answered === this.#version) return; // the pen rested before it was lifted
    this.#timer = setTimeout(() => this.askNow(), lifted ? LIFTED_MS : REST_MS);
  }

  async askNow() {
    clearTimeout(this.#timer);
    this.#again = this.#busy; // asked while another request is in flight: one more round when it has landed
    if (this.#busy) return;
    this.#busy = true;
    const version = this.#version;
    try {
      for (const { ask, show } of this.questions()) {
        const answer = await ask();
        if (version !== this.#version) break;
        this.#answered = version;
        show(answer);
        if (this.#again) break;
      }
      this.#retryMs = FIRST_RETRY_MS;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (version === this.#version) this.#failed(problem);
    } finally {
      this.#busy = false;
    }
    if (this.#again) this.askNow();
  }

  #failed(problem) {
    if (!problem.away) return this.fail(problem, null);
    const wait = Math.max(this.#retryMs, problem.retryAfter * 1000);
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
    this.fail(problem, wait);
    this.#timer = setTimeout(() => this.askNow(), wait);
  }
}
