// An answer card: the digit large, the verdict in words, ten bars with numbers.

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

export class AnswerCard {
  #labels = DIGITS;

  constructor(element) {
    this.element = element;
    this.digit = element.querySelector(".digit");
    this.sentence = element.querySelector(".sentence");
    this.model = element.querySelector(".answer-model");
    this.rows = [...element.querySelectorAll("[data-digit]")];
    this.answer = null;
    this.heard = this.sentence.textContent;
  }

  /** Nothing is known of the drawing; the card says why. */
  empty(sentence) {
    this.#forget("empty", sentence);
    this.#showDigit("", null, []);
  }

  /** The drawing changed: the old answer stays in sight, greyed, until the new one is there. */
  waiting() {
    if (this.element.dataset.state === "waiting") return;
    this.#forget("waiting", null);
  }

  /** Somebody asks in so many words: the answer is to be heard even if it is the same as before. */
  asked() {
    this.waiting();
    this.heard = null;
  }

  failed(sentence) {
    this.#forget("error", sentence);
  }

  show(answer) {
    this.answer = answer;
    const { state, prediction, verdict } = { state: "done", ...answer };
    this.name(answer.labels);
    this.#showDigit(verdict === "not_a_digit" ? "?" : this.#labels[prediction], prediction, answer.probabilities);
    this.model.firstChild.textContent = "read by ";
    this.model.lastChild.textContent = answer.model;
    this.#say(answer.sentence);
    Object.assign(this.element.dataset, { prediction, verdict, state });
  }

  /** What the ten classes are called; words need more room than digits. */
  name(labels = DIGITS) {
    if (String(labels) === String(this.#labels)) return;
    this.#labels = labels;
    this.element.classList.toggle("named", labels.some((label) => label.length > 1));
    this.rows.forEach((row, index) => (row.querySelector(".bar-digit").textContent = labels[index]));
  }

  #forget(state, sentence) {
    this.answer = null;
    Object.assign(this.element.dataset, { prediction: "", verdict: "", state });
    if (sentence !== null) this.#say(sentence);
  }

  // Screen readers announce every new text, so there is one only when it says something new.
  #say(sentence) {
    if (this.heard !== sentence) this.sentence.textContent = sentence;
    this.heard = sentence;
  }

  #showDigit(large, prediction, probabilities) {
    this.digit.textContent = large;
    this.rows.forEach((row, digit) => {
      const probability = probabilities[digit];
      row.classList.toggle("top", digit === prediction);
      row.querySelector("rect").setAttribute("width", (100 * (probability ?? 0)).toFixed(2));
      row.querySelector(".bar-percent").textContent = probability === undefined ? "" : percent(probability);
    });
  }
}

/** As on the result page of the upload; never "100 %", since a network can't be certain. */
function percent(probability) {
  if (probability > 0 && probability < 0.001) return "<0.1 %";
  if (probability > 0.999) return ">99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}
