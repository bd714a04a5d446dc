// What moves by arrows itself, or is written in, keeps its keys.
const WRITTEN = 'input:not([type="radio"]):not([type="checkbox"]), textarea, select, [contenteditable="true"]'
const OWN_ARROWS = '.gallery, [data-testid="stDataFrame"], input, [role="radiogroup"], [role="tablist"], [role="slider"]'
const ARROWS = { ArrowRight: 1, ArrowLeft: -1 }
const LETTERS = { j: 1, k: -1 }

// Milliseconds. One step is asked for at a time, when nothing is being drawn: a run of the dialog
// that the next one breaks off can leave the browser with a message it has no place for. A step can
// be lost, so it is asked for again until it is drawn, or was refused.
const LOOK = 30
const AGAIN = 1000
const PATIENCE = 5000

const mounts = new WeakMap()

function within(event, selector) {
  return event.composedPath().some((node) => node instanceof Element && node.matches(selector))
}

function stepOf(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return 0
  const letter = LETTERS[event.key.toLowerCase()]
  if (letter) return within(event, WRITTEN) ? 0 : letter
  const arrow = ARROWS[event.key]
  return !arrow || within(event, OWN_ARROWS) ? 0 : arrow
}

function drawing() {
  const app = document.querySelector('[data-testid="stApp"]')
  return app?.dataset.testScriptState === 'running'
}

function stop(mount) {
  clearInterval(mount.timer)
  mount.want = mount.sent = mount.timer = null
}

function look(mount) {
  const { want, sent, data } = mount, now = Date.now()
  const answered = !sent || sent.to === data.place
  if (now - mount.pressed > PATIENCE || (answered && want === data.place)) stop(mount)
  else if (!drawing() && (answered || now - sent.at > AGAIN)) {
    mount.sent = { to: want, at: now }
    mount.send('step', { to: want })
  }
}

function ask(mount, to) {
  mount.want = to
  mount.pressed = Date.now()
  mount.timer ??= setInterval(() => look(mount), LOOK)
  look(mount)
}

export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.querySelector('.keys').textContent = '← → or K J'
  let mount = mounts.get(parentElement)
  if (!mount) {
    mount = { want: null, sent: null, timer: null }
    mount.listen = (event) => {
      if (event.key === 'Escape') stop(mount) // the dialog closes; another step would open it
      const step = stepOf(event)
      if (!step) return
      event.preventDefault()
      // Keys go on from where the last one leads, not from what is still drawn.
      const from = mount.want ?? mount.data.place
      const to = Math.min(Math.max(from + step, 0), mount.data.count - 1)
      if (to !== from) ask(mount, to)
    }
    mounts.set(parentElement, mount)
    document.addEventListener('keydown', mount.listen)
  }
  mount.data = data
  mount.send = setTriggerValue
  return () => {
    stop(mount)
    document.removeEventListener('keydown', mount.listen)
    mounts.delete(parentElement)
  }
}
