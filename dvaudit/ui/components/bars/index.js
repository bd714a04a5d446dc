// A run of this function follows each change of data or theme; what must outlive a run (a drag, the
// place of the keyboard, a choice that is not answered yet) is kept per mount.
const mounts = new WeakMap()
const HELP = {
  values: 'Arrows move over the bars, Shift with an arrow widens the range, Enter chooses it, '
    + 'Escape gives up.',
  classes: 'Arrows move over the classes, Enter or Space chooses one or leaves it out.',
}
const NEAR = 4 // pixels that a click may move

function pointers(chart) {
  const { stage, focus } = chart
  stage.onmousedown = (event) => event.preventDefault() // which would select text, or take focus
  stage.onpointerdown = (event) => {
    if (event.button || !chart.many) return
    stage.setPointerCapture(event.pointerId)
    const bar = chart.under(event)
    chart.at = chart.anchor = null
    chart.last = bar
    chart.drag = { from: bar, to: bar, x: event.clientX, y: event.clientY, moved: false }
    focus.focus({ preventScroll: true })
    chart.mark()
  }
  stage.onpointermove = (event) => {
    const { drag } = chart, bar = chart.under(event)
    if (!drag) {
      chart.tell([bar, bar])
      return
    }
    drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= NEAR
    if (drag.moved) drag.to = bar
    chart.mark()
    chart.tell(chart.choosing)
  }
  stage.onpointerup = (event) => {
    if (!chart.drag) return
    const range = chart.choosing, bar = chart.under(event)
    chart.drag = null
    chart.choose(...range)
    chart.mark()
    chart.tell([bar, bar])
  }
  stage.onpointercancel = () => chart.leave()
  stage.onpointerleave = () => { if (!chart.drag && chart.at === null) chart.hush() }
}

function keys(chart) {
  const { focus } = chart
  focus.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !chart.many) return
    if (event.key === 'Escape' && (chart.drag || chart.anchor !== chart.at)) chart.giveUp()
    else if (chart.drag || !chart.press(event)) return
    event.preventDefault()
    event.stopPropagation()
  }
  focus.onfocus = () => {
    if (chart.many && !chart.drag && focus.matches(':focus-visible')) {
      chart.move(chart.start(), false)
    }
  }
  focus.onblur = () => { if (!chart.drag) chart.leave() }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let chart = mounts.get(parentElement)
  if (!chart) {
    const root = parentElement.querySelector('.bars')
    chart = new (data.kind === 'values' ? Histogram : Rows)(root)
    chart.stage.classList.add(data.kind)
    chart.focus.setAttribute('role', data.kind === 'values' ? 'slider' : 'listbox')
    root.querySelector('#help').textContent = HELP[data.kind]
    mounts.set(parentElement, chart)
  }
  chart.trigger = setTriggerValue
  chart.take(data)
  pointers(chart)
  keys(chart)
  return () => {
    chart.resized.disconnect()
    mounts.delete(parentElement)
  }
}
