/** The sign-in form; rule: the password is sent once and kept nowhere. */

import { reasonOf, signIn } from "./api.ts";
import { element, say } from "./dom.ts";
import { TEXT } from "./strings.ts";

/** Returns the form; `done` is called once the gateway let one in. */
export function signInForm(done: () => void): HTMLElement {
  const input = element("input", { type: "password", id: "password", autocomplete: "current-password", required: true });
  const button = element("button", { type: "submit", class: "primary" }, TEXT.signIn);
  const trouble = element("p", { class: "trouble", role: "alert" });
  const form = element(
    "form",
    { class: "card sign-in", "aria-labelledby": "sign-in-title" },
    element("h1", { id: "sign-in-title" }, TEXT.signIn),
    element("p", {}, TEXT.signInNote),
    // Password managers look for a name; there is only one here.
    element("input", { type: "text", autocomplete: "username", value: TEXT.product, hidden: true, readonly: true }),
    element("label", { for: "password" }, TEXT.password),
    input,
    trouble,
    button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    say(trouble, "");
    signIn(input.value)
      .then(done)
      .catch((error: unknown) => {
        say(trouble, reasonOf(error, TEXT.signInFailed));
        input.select();
      })
      .finally(() => {
        button.disabled = false;
      });
  });
  return element("main", { class: "page page--sign-in", id: "main" }, form);
}
