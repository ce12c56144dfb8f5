// What an operator may do here: each asks first, says what follows, and is a POST that only this page can send.

const dialog = document.querySelector("#ask");
const told = document.querySelector("#told");

const questions = {
  close: ({ dataset }) => ({
    title: `Close the connection ${dataset.connection}?`,
    text: "Its pending requests are answered, then it is told system-shutdown. A client may come back at once.",
    verb: "Close the connection",
    body: { connection: dataset.connection },
    done: () => "The connection is being closed.",
  }),
  reload: () => ({
    title: "Reload the configuration?",
    text: "The file is read again. No connection is dropped; a file with an error changes nothing.",
    verb: "Reload",
    body: {},
    done: ({ problems }) =>
      problems.length === 0
        ? "The new configuration is in use."
        : `The new configuration is in use, with ${problems.length} warnings.`,
  }),
  drain: () => ({
    title: "Drain and stop this proxy?",
    text: "New clients are turned away at once, all others are told to go, and then the process ends. This cannot be taken back.",
    verb: "Drain and stop",
    body: {},
    done: () => "Draining has begun.",
  }),
  "log-level": ({ value }) => ({
    title: `Set the log level to ${value}?`,
    text: "Until the next reload, which brings back the level of the configuration.",
    verb: "Set the level",
    body: { level: value },
    done: () => `The log level is ${value}.`,
  }),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button !== null) void act(button);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-action]")) void act(event.target);
});

async function act(element) {
  const { title, text, verb, body, done } = questions[element.dataset.action](element);
  if (!(await isSure(title, text, verb))) {
    for (const option of element.options ?? []) option.selected = option.defaultSelected;
    return;
  }
  tell("…");
  try {
    const response = await fetch(`api/${element.dataset.action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    tell(response.ok ? done(answer) : answer.error, !response.ok);
  } catch {
    tell("The proxy does not answer.", true);
  }
}

function isSure(title, text, verb) {
  document.querySelector("#ask-title").textContent = title;
  document.querySelector("#ask-text").textContent = text;
  document.querySelector("#ask-yes").textContent = verb;
  dialog.returnValue = "no";
  dialog.showModal();
  // What undoes nothing has the focus.
  document.querySelector("#ask-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

let fading;

/** Says what came of something, for as long as it takes to read. */
export function tell(text, isTrouble = false) {
  clearTimeout(fading);
  told.textContent = text;
  told.classList.toggle("bad", isTrouble);
  fading = setTimeout(() => (told.textContent = ""), isTrouble ? 20_000 : 6000);
}
