// A run of this function follows each change of data or theme, so everything is drawn anew; the
// cut that is being moved outlives a run, and goes to Python when it is let go.
const mounts = new WeakMap()
const HEIGHT = 372, LEFT = 64, RIGHT = 16, TOP = 12, BOTTOM = 50
const DASHES = { dot: '2 6', dash: '9 6' }

function ticks([low, high], most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((part) => part * power).find((part) => part >= rough)
  const found = []
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at += 1) {
    found.push(at * step)
  }
  return { step, found }
}

// Of the last digits that the step needs.
function written(value, step, percent) {
  const scale = percent ? 100 : 1
  const digits = Math.max(0, Math.ceil(-Math.log10(scale * step) - 1e-9))
  return (scale * value).toFixed(digits).replace(/^-0(\.0*)?$/, '0$1') + (percent ? '%' : '')
}

function line(curve, attributes) {
  const dash = DASHES[curve.dash]
  return shape('path', {
    class: 'path', stroke: curve.colour, 'stroke-width': curve.strong ? 3 : 2,
    'stroke-linecap': 'round', ...(dash ? { 'stroke-dasharray': dash } : {}), ...attributes,
  })
}

class Mount {
  constructor(root) {
    this.root = root
    this.stage = root.querySelector('.stage')
    this.svg = root.querySelector('.stage svg')
    this.cut = root.querySelector('.cut')
    this.card = root.querySelector('.card')
    this.moving = false
    this.sent = []
    this.resized = new ResizeObserver(() => this.draw())
    this.resized.observe(this.stage)
  }

  // As last sent, until Python answers.
  get chosen() { return this.sent.at(-1) ?? this.data.cut }

  take(data) {
    const before = this.data
    this.data = data
    const answered = this.sent.lastIndexOf(data.cut)
    if (before && before.cuts.length !== data.cuts.length) this.sent = []
    else if (answered >= 0) this.sent.splice(0, answered + 1)
    else if (before && before.cut !== data.cut) this.sent = []
    if (!this.moving || this.index >= data.cuts.length) this.index = this.chosen
  }

  get plot() { return { width: this.stage.clientWidth - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM } }

  x(value) {
    const [low, high] = this.data.x_range
    return LEFT + this.plot.width * (value - low) / (high - low)
  }

  y(value) {
    const [low, high] = this.data.y_range
    return TOP + this.plot.height * (1 - (value - low) / (high - low))
  }

  draw() {
    const { data, svg } = this, { width, height } = this.plot
    if (!data || width < 40) return
    svg.setAttribute('viewBox', `0 0 ${width + LEFT + RIGHT} ${HEIGHT}`)
    svg.setAttribute('height', HEIGHT)
    svg.setAttribute('aria-label', data.name)
    const clip = shape('clipPath', { id: 'inside' })
    clip.append(shape('rect', { x: LEFT - 4, y: TOP - 4, width: width + 8, height: height + 8 }))
    const lines = shape('g', { 'clip-path': 'url(#inside)' })
    const order = [...data.curves].sort((one, other) => one.strong - other.strong)
    for (const curve of order) lines.append(...this.drawn(curve))
    svg.replaceChildren(clip, ...this.axes(width, height), lines)
    this.show(this.index)
  }

  drawn(curve) {
    const at = (ys, backwards) => {
      const points = curve.x.map((x, i) => [x, ys[i]]).filter(([, y]) => y !== null)
      if (backwards) points.reverse()
      return points.map(([x, y]) => `${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`)
    }
    const found = []
    if (curve.low.some((low, i) => low !== curve.high[i])) {
      found.push(shape('path', {
        d: `M${[...at(curve.high), ...at(curve.low, true)].join('L')}Z`,
        fill: curve.colour, opacity: curve.strong ? 0.2 : 0.12,
      }))
    }
    const middle = at(curve.y)
    if (middle.length) found.push(line(curve, { d: `M${middle.join('L')}` }))
    if (middle.length <= 40) {
      found.push(...middle.map((point) => {
        const [cx, cy] = point.split(' ')
        return shape('circle', { cx, cy, r: curve.strong ? 3.6 : 2.6, fill: curve.colour })
      }))
    }
    return found
  }

  axes(width, height) {
    const { data } = this, bottom = TOP + height, parts = []
    const up = ticks(data.y_range, 6), along = ticks(data.x_range, Math.max(2, width / 90))
    for (const value of up.found) {
      const y = this.y(value)
      parts.push(shape('line', { class: 'grid', x1: LEFT, x2: LEFT + width, y1: y, y2: y }),
        shape('text', { x: LEFT - 8, y: y + 4, 'text-anchor': 'end' },
          written(value, up.step, data.percent)))
    }
    for (const value of along.found) {
      parts.push(shape('text', { x: this.x(value), y: bottom + 18, 'text-anchor': 'middle' },
        written(value, along.step, true)))
    }
    parts.push(
      shape('text', { x: LEFT + width / 2, y: HEIGHT - 8, 'text-anchor': 'middle' }, data.x_title),
      shape('text', {
        transform: `translate(14 ${TOP + height / 2}) rotate(-90)`, 'text-anchor': 'middle',
      }, data.y_title))
    return parts
  }

  // What the cut removes and costs, before Python hears of it.
  show(index) {
    this.index = index
    const { data, cut } = this, at = data.cuts[index]
    cut.style.left = `${this.x(at.x)}px`
    cut.style.top = `${TOP}px`
    cut.style.height = `${this.plot.height}px`
    const y = at.y === null ? this.plot.height / 2 : this.y(at.y) - TOP
    cut.querySelector('.grip').style.top = `${Math.min(Math.max(y, 0), this.plot.height)}px`
    cut.setAttribute('aria-label', data.label)
    cut.setAttribute('aria-valuemin', 0)
    cut.setAttribute('aria-valuemax', data.cuts.length - 1)
    cut.setAttribute('aria-valuenow', index)
    cut.setAttribute('aria-valuetext', at.said)
    this.root.querySelector('.figures').replaceChildren(...data.columns.map((name, i) => {
      const pair = element('div')
      pair.append(element('dt', name), element('dd', at.figures[i]))
      return pair
    }))
  }

  under(event) {
    const px = event.clientX - this.stage.getBoundingClientRect().left
    let best = 0
    this.data.cuts.forEach((cut, i) => {
      if (Math.abs(this.x(cut.x) - px) < Math.abs(this.x(this.data.cuts[best].x) - px)) best = i
    })
    return best
  }

  // The lines at the place under the pointer.
  hover(event) {
    const { data, card } = this, at = data.cuts[this.under(event)]
    card.replaceChildren(element('b', at.head), ...data.curves.map((curve) => {
      let near = 0
      curve.x.forEach((x, i) => {
        if (Math.abs(x - at.x) < Math.abs(curve.x[near] - at.x)) near = i
      })
      return element('span', `${curve.name}: ${curve.texts[near]}`)
    }))
    card.hidden = false
    const x = this.x(at.x), left = x > this.stage.clientWidth / 2
    card.style.left = left ? '' : `${x + 16}px`
    card.style.right = left ? `${this.stage.clientWidth - x + 16}px` : ''
  }

  send() {
    if (this.index === this.chosen) return
    this.sent.push(this.index)
    this.trigger('cut', this.index)
  }
}

function pointers(mount) {
  const { stage, cut, card } = mount
  stage.onpointerdown = (event) => {
    if (event.button) return
    event.preventDefault()
    stage.setPointerCapture(event.pointerId)
    cut.focus({ preventScroll: true })
    mount.moving = true
    mount.show(mount.under(event))
  }
  stage.onpointermove = (event) => {
    if (mount.moving) mount.show(mount.under(event))
    mount.hover(event)
  }
  stage.onpointerup = () => {
    if (!mount.moving) return
    mount.moving = false
    mount.send()
  }
  stage.onpointercancel = () => { mount.moving = false; card.hidden = true; mount.show(mount.chosen) }
  stage.onpointerleave = () => { card.hidden = true }
}

const STEPS = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5,
  Home: -Infinity, End: Infinity,
}

function keys(mount) {
  const { cut } = mount
  cut.onkeydown = (event) => {
    if (!(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    mount.moving = true
    const last = mount.data.cuts.length - 1
    mount.show(Math.min(Math.max(mount.index + STEPS[event.key], 0), last))
  }
  // A key that is held moves on; Python hears of the place where it is let go.
  const done = () => {
    if (!mount.moving) return
    mount.moving = false
    mount.send()
  }
  cut.onkeyup = (event) => { if (event.key in STEPS) done() }
  cut.onblur = done
}

function legend(mount) {
  mount.root.querySelector('.legend').replaceChildren(...mount.data.curves.map((curve) => {
    const row = element('li'), sample = shape('svg', { viewBox: '0 0 30 10', height: 10 })
    sample.setAttribute('aria-hidden', 'true')
    sample.append(line(curve, { d: 'M2 5H28' }))
    row.append(sample, element('span', curve.name))
    return row
  }))
}

export default function ({ data, parentElement, setTriggerValue }) {
  let mount = mounts.get(parentElement)
  if (!mount) {
    mount = new Mount(parentElement.querySelector('.curve'))
    mounts.set(parentElement, mount)
  }
  mount.take(data)
  mount.trigger = setTriggerValue
  pointers(mount)
  keys(mount)
  legend(mount)
  mount.draw()
  return () => {
    mount.resized.disconnect()
    mounts.delete(parentElement)
  }
}
