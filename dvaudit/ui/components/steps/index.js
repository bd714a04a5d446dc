// What moves by arrows itself, or is written in, keeps its keys.
const WRITTEN = 'input:not([type="radio"]):not([type="checkbox"]), textarea, select, [contenteditable="true"]'
const OWN_ARROWS = '.gallery, [data-testid="stDataFrame"], input, [role="radiogroup"], [role="tablist"], [role="slider"]'
const ARROWS = { ArrowRight: 1, ArrowLeft: -1 }
const LETTERS = { j: 1, k: -1 }

// Milliseconds. A step can be lost while the page draws another, so it is asked for again until it
// is drawn, or was refused.
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

function arrive(mount) {
  mount.asked = null
  clearInterval(mount.timer)
}

function ask(mount, to) {
  mount.asked = to
  const since = Date.now()
  clearInterval(mount.timer)
  mount.timer = setInterval(() => {
    if (Date.now() - since > PATIENCE) arrive(mount)
    else mount.send('step', { to })
  }, AGAIN)
  mount.send('step', { to })
}

export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.querySelector('.keys').textContent = '← → or K J'
  let mount = mounts.get(parentElement)
  if (!mount) {
    mount = { asked: null }
    mount.listen = (event) => {
      const step = stepOf(event)
      if (!step) return
      event.preventDefault()
      // Keys go on from where the last one leads, not from what is still drawn.
      const from = mount.asked ?? mount.data.place
      const to = Math.min(Math.max(from + step, 0), mount.data.count - 1)
      if (to !== from) ask(mount, to)
    }
    mounts.set(parentElement, mount)
    document.addEventListener('keydown', mount.listen)
  }
  mount.data = data
  mount.send = setTriggerValue
  if (data.place === mount.asked) arrive(mount)
  return () => {
    arrive(mount)
    document.removeEventListener('keydown', mount.listen)
    mounts.delete(parentElement)
  }
}
