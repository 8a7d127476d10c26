// The sign-in page: signs in, signs up, says why when neither works.
// @ts-check
import { post } from './http.js';

/** Why the chat sent its reader here, by the code that closed the connection. @type {Map<string | null, string>} */
const NOTICES = new Map([
  ['4500', 'You were signed out. What you had not sent is kept.'],
  ['4501', 'Your session has expired. Sign in again; what you had not sent is kept.'],
  ['4502', 'This account is disabled.'],
  ['4503', 'Signing in took too long. Sign in again; what you had not sent is kept.'],
]);

const SIGN_UP = '#sign-up';

const main = /** @type {HTMLElement} */ (document.querySelector('main'));
const title = byId('title', HTMLHeadingElement);
const notice = byId('notice', HTMLElement);
const signIn = byId('sign-in', HTMLFormElement);
const signUp = byId('sign-up', HTMLFormElement);
const isOpen = main.dataset.registration === 'open';

signIn.addEventListener('submit', (event) => {
  event.preventDefault();
  const { username, password } = contentOf(signIn);
  submit(signIn, () => post('login', { username, password, cookie: true }));
});

signUp.addEventListener('submit', (event) => {
  event.preventDefault();
  const { username, password, display_name } = contentOf(signUp);
  submit(signUp, async () => {
    const registered = await post('register', { username, password, ...(display_name === '' ? {} : { display_name }) });
    if (!registered.ok) return registered;
    const signedIn = await post('login', { username, password, cookie: true });
    if (!signedIn.ok) {
      inputOf(signIn, 'username').value = username;
      show(signIn);
      return { ...signedIn, message: `The account is made. ${signedIn.message}` };
    }
    return signedIn;
  });
});

byId('to-sign-up', HTMLElement).querySelector('button')?.addEventListener('click', () => show(signUp));
byId('to-sign-in', HTMLElement).querySelector('button')?.addEventListener('click', () => show(signIn));

const text = NOTICES.get(new URLSearchParams(location.search).get('closed'));
if (text) {
  notice.textContent = text;
  notice.hidden = false;
}
show(isOpen && location.hash === SIGN_UP ? signUp : signIn);

/** @param {HTMLFormElement} form */
function show(form) {
  const isSignUp = form === signUp;
  signIn.hidden = isSignUp;
  signUp.hidden = !isSignUp;
  byId('to-sign-up', HTMLElement).hidden = isSignUp || !isOpen;
  byId('to-sign-in', HTMLElement).hidden = !isSignUp;
  byId('closed', HTMLElement).hidden = isOpen;
  title.textContent = isSignUp ? 'Create an account' : 'Sign in';
  document.title = `${title.textContent} · Chat`;
  inputOf(form, 'username').focus();
}

/**
 * @param {HTMLFormElement} form
 * @param {() => ReturnType<typeof post>} send
 */
async function submit(form, send) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
  errorOf(form).textContent = '';
  button.disabled = true;
  const outcome = await send();
  if (outcome.ok) {
    location.assign(`/chat${location.hash === SIGN_UP ? '' : location.hash}`);
    return;
  }
  button.disabled = false;
  const shown = form.hidden ? signIn : form;
  errorOf(shown).textContent = outcome.message;
  inputOf(shown, 'password').focus();
}

/** @param {HTMLFormElement} form */
function errorOf(form) {
  return /** @type {HTMLElement} */ (form.querySelector('.form-error'));
}

/** @param {HTMLFormElement} form */
function contentOf(form) {
  const content = new FormData(form);
  const field = (/** @type {string} */ name) => String(content.get(name) ?? '');
  return { username: field('username').trim(), password: field('password'), display_name: field('display_name').trim() };
}

/** @param {HTMLFormElement} form @param {string} name */
function inputOf(form, name) {
  return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no #${id}`);
  return element;
}
