// A run of this function follows each change of data or theme, so everything is assigned anew;
// what must outlive a run (points, view, an unfinished region) is kept per mount.
const mounts = new WeakMap()
const NEAR = 9

function element(tag, text) {
  const node = document.createElement(tag)
  if (text !== undefined) node.textContent = text
  return node
}

async function fetched(url) {
  const response = await fetch(url)
  if (response.ok) return response.arrayBuffer()
  const reply = await response.json().catch(() => ({}))
  throw new Error(reply.error || `The server answered ${response.status}.`)
}

class Mount {
  constructor(root) {
    this.root = root
    this.canvas = root.querySelector('canvas')
    this.card = root.querySelector('.card')
    this.said = root.querySelector('.said')
    this.tool = 'lasso'
    this.xy = this.colours = this.ids = this.view = this.drawing = this.cursor = this.corner = null
    this.thumbs = new Map()
    this.resized = new ResizeObserver(() => { this.view = null; this.later() })
    this.resized.observe(this.canvas)
  }

  say(text) { this.said.textContent = text }

  later() {
    if (this.frame) return
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw() })
  }

  draw() {
    const { canvas } = this, width = canvas.clientWidth, height = canvas.clientHeight
    if (!this.xy || !width) return
    this.least = fitted(width, height, this.bounds).scale
    this.view ??= fitted(width, height, this.bounds)
    const ratio = window.devicePixelRatio || 1
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    const context = canvas.getContext('2d')
    paintPoints(context, this, width, height, ratio)
    context.scale(ratio, ratio)
    const colour = getComputedStyle(this.root).color
    outline(context, this.view, this.drawing ?? this.data.polygon, colour)
    if (this.cursor) {
      cross(context, this.view, this.cursor, colour)
      if (this.corner) outline(context, this.view, box(this.corner, this.cursor), colour)
    }
    canvas.dataset.ready = this.loaded
  }

  async load(key, url) {
    this[`${key}_url`] = url
    const buffer = await fetched(url)
    if (this[`${key}_url`] !== url) return
    this[key] = key === 'xy' ? new Uint16Array(buffer) : new Uint8Array(buffer)
    this.loaded = url
    if (key === 'xy') {
      this.grid = null
      this.bounds = boundsOf(this.xy)
    }
    this.later()
  }

  // Sample numbers by cell, so that finding the nearest point looks at a few dozen.
  cells() {
    if (this.grid) return this.grid
    const many = this.xy.length / 2, width = Math.max(8, Math.min(256, Math.sqrt(many / 4) | 0))
    const cell = this.data.side / width
    const of = (i) => Math.min(width - 1, this.xy[2 * i] / cell | 0)
      + width * Math.min(width - 1, this.xy[2 * i + 1] / cell | 0)
    const starts = new Uint32Array(width * width + 1), order = new Uint32Array(many)
    for (let i = 0; i < many; i += 1) starts[of(i) + 1] += 1
    for (let c = 0; c < width * width; c += 1) starts[c + 1] += starts[c]
    const free = starts.slice()
    for (let i = 0; i < many; i += 1) order[free[of(i)]++] = i
    this.grid = { width, cell, starts, order }
    return this.grid
  }

  nearest(px, py) {
    if (!this.xy || !this.view) return null
    const { width, cell, starts, order } = this.cells()
    const [x, y] = toSteps(this.view, px, py), reach = NEAR / this.view.scale
    let found = null, best = reach * reach
    const first = (v) => Math.max(0, (v - reach) / cell | 0)
    const last = (v) => Math.min(width - 1, (v + reach) / cell | 0)
    for (let row = first(y); row <= last(y); row += 1) {
      for (let column = first(x); column <= last(x); column += 1) {
        const at = row * width + column
        for (let k = starts[at]; k < starts[at + 1]; k += 1) {
          const i = order[k], dx = this.xy[2 * i] - x, dy = this.xy[2 * i + 1] - y
          const off = dx * dx + dy * dy
          if (off < best) { best = off; found = i }
        }
      }
    }
    return found
  }

  hover(px, py) {
    const at = this.drawing ? null : this.nearest(px, py)
    if (at === this.hovered) return
    this.hovered = at
    this.card.hidden = at === null
    if (at === null) return
    const code = this.colours ? this.colours[at] & 127 : 0
    const legend = this.data.legend.find((item) => item.code === code)
    const picture = this.data.thumbnails ? element('div') : null
    this.card.replaceChildren(...(picture ? [picture] : []), element('b', this.name(at)),
      element('span', legend ? legend.label : ''))
    const [sx, sy] = toScreen(this.view, this.xy[2 * at], this.xy[2 * at + 1])
    const left = sx + 240 > this.canvas.clientWidth
    this.card.style.left = left ? '' : `${sx + 12}px`
    this.card.style.right = left ? `${this.canvas.clientWidth - sx + 12}px` : ''
    this.card.style.top = `${Math.max(4, Math.min(sy + 8, this.canvas.clientHeight - 150))}px`
    if (picture) this.thumbnail(at, picture)
  }

  name(at) {
    if (this.ids) return this.ids[at]
    if (this.data.ids && !this.asked) {
      this.asked = true
      fetched(this.data.ids).then((buffer) => {
        this.ids = new TextDecoder().decode(buffer).split('\n')
        const shown = this.card.querySelector('b')
        if (shown && this.hovered !== null) shown.textContent = this.ids[this.hovered]
      }).catch(() => { this.asked = false })
    }
    return `Row ${(at + 1).toLocaleString('en')}`
  }

  // The reply is one length, then the picture; see the route for thumbnails.
  async thumbnail(at, place) {
    if (!this.thumbs.has(at)) {
      if (this.thumbs.size > 300) this.forget()
      const buffer = await fetched(this.data.thumbnails + at).catch(() => null)
      if (!buffer || buffer.byteLength < 5) return
      this.thumbs.set(at, URL.createObjectURL(new Blob([buffer.slice(4)])))
    }
    if (this.hovered !== at) return
    const image = new Image()
    image.alt = ''
    image.onload = () => image.classList.toggle('small', image.naturalWidth < 96)
    image.src = this.thumbs.get(at)
    place.replaceChildren(image)
  }

  forget() {
    for (const url of this.thumbs.values()) URL.revokeObjectURL(url)
    this.thumbs.clear()
  }

  choose(line) {
    this.drawing = this.corner = null
    const kept = shortened(line, this.data.most, 1.5 / this.view.scale)
    const whole = kept.map((vertex) => vertex.map(
      (part) => Math.round(Math.min(Math.max(part, 0), this.data.side))))
    // A line beside the map, cut off at its edge, encloses nothing and would change nothing.
    if (whole.length < 3 || area(whole) < 1) {
      this.say('There is nothing in that region')
      this.later()
      return
    }
    if (JSON.stringify(whole) === JSON.stringify(this.data.polygon)) {
      this.later()
      return
    }
    this.say('Choosing …')
    this.trigger('lasso', whole)
  }

  zoom(factor, px, py) {
    if (!this.view) return
    const { canvas } = this
    this.view = zoomed(this.view, factor, px ?? canvas.clientWidth / 2,
      py ?? canvas.clientHeight / 2, this.least)
    this.later()
  }
}

function box([x1, y1], [x2, y2]) {
  return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
}

function pointers(mount) {
  const { canvas } = mount
  const steps = (event) => toSteps(mount.view, event.offsetX, event.offsetY)
  canvas.onpointerdown = (event) => {
    if (!mount.view || event.button > 1) return
    canvas.setPointerCapture(event.pointerId)
    mount.from = { px: event.offsetX, py: event.offsetY, view: mount.view, at: steps(event) }
    mount.from.moving = mount.tool === 'move' || event.button === 1 || event.shiftKey
    mount.moved = false
    mount.cursor = mount.corner = null
  }
  canvas.onpointermove = (event) => {
    if (!mount.from) { mount.hover(event.offsetX, event.offsetY); return }
    const dx = event.offsetX - mount.from.px, dy = event.offsetY - mount.from.py
    if (!mount.moved && Math.hypot(dx, dy) < 4) return
    mount.moved = true
    mount.card.hidden = true
    mount.hovered = null
    if (mount.from.moving) {
      const { view } = mount.from
      mount.view = { ...view, left: view.left - dx / view.scale, top: view.top + dy / view.scale }
    } else if (mount.tool === 'box') mount.drawing = box(mount.from.at, steps(event))
    else (mount.drawing ??= [mount.from.at]).push(steps(event))
    mount.later()
  }
  canvas.onpointerup = (event) => {
    if (!mount.from) return
    const { moving } = mount.from
    mount.from = null
    if (mount.moved && !moving && mount.drawing) mount.choose(mount.drawing)
    else if (!mount.moved) {
      const at = mount.nearest(event.offsetX, event.offsetY)
      if (at !== null) mount.trigger('open', at)
    }
  }
  canvas.onpointercancel = () => { mount.from = null; mount.drawing = null; mount.later() }
  canvas.onpointerleave = () => { mount.hovered = null; mount.card.hidden = true }
  canvas.onwheel = (event) => {
    event.preventDefault()
    mount.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY)
  }
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }

// By keyboard: arrows move a cross, Enter sets one corner and then the other.
function keys(event, mount) {
  if (!mount.view || event.ctrlKey || event.metaKey || event.altKey) return
  const { canvas, data } = mount, move = MOVES[event.key]
  if (move) {
    mount.cursor ??= toSteps(mount.view, canvas.clientWidth / 2, canvas.clientHeight / 2)
    const by = (event.shiftKey ? 60 : 14) / mount.view.scale
    mount.cursor = mount.cursor.map(
      (part, i) => Math.min(Math.max(part + by * move[i], 0), data.side))
    mount.hovered = undefined
    mount.hover(...toScreen(mount.view, ...mount.cursor))
  } else if ((event.key === 'Enter' || event.key === ' ') && mount.cursor) {
    if (mount.corner) mount.choose(box(mount.corner, mount.cursor))
    else {
      mount.corner = mount.cursor
      mount.say('First corner set. Move to the other one and press Enter.')
    }
  } else if (event.key === 'Escape' && mount.cursor) {
    mount.cursor = mount.corner = null
    mount.say('')
  } else if (event.key === '+' || event.key === '=') mount.zoom(1.4)
  else if (event.key === '-') mount.zoom(1 / 1.4)
  else if (event.key === '0') mount.view = null
  else return
  event.preventDefault()
  mount.later()
}

function tools(mount) {
  for (const button of mount.root.querySelectorAll('[data-tool]')) {
    button.setAttribute('aria-pressed', String(button.dataset.tool === mount.tool))
    button.onclick = () => { mount.tool = button.dataset.tool; tools(mount) }
  }
  mount.canvas.classList.toggle('move', mount.tool === 'move')
  const doing = {
    in: () => mount.zoom(1.4),
    out: () => mount.zoom(1 / 1.4),
    fit: () => { mount.view = null; mount.later() },
    clear: () => mount.trigger('lasso', []),
  }
  for (const button of mount.root.querySelectorAll('[data-do]')) {
    button.onclick = doing[button.dataset.do]
  }
}

function legend(mount) {
  const { data } = mount
  mount.root.querySelector('.legend').replaceChildren(...data.legend.map((item) => {
    const row = element('li'), dot = element('i'), many = element('span', item.many)
    dot.style.background = data.palette[item.code]
    many.className = 'many'
    row.append(dot, element('span', item.label), many)
    return row
  }))
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.map')
  let mount = mounts.get(parentElement)
  if (!mount) {
    mount = new Mount(root)
    mounts.set(parentElement, mount)
  }
  mount.data = data
  mount.trigger = setTriggerValue
  mount.canvas.style.setProperty('--height', `${data.height}px`)
  mount.canvas.setAttribute('aria-label', data.name)
  root.querySelector('.help').textContent = data.help
  root.querySelector('[data-do="clear"]').hidden = !data.polygon
  mount.say(data.said)
  mount.canvas.onkeydown = (event) => keys(event, mount)
  mount.canvas.onblur = () => { mount.card.hidden = true }
  pointers(mount)
  tools(mount)
  legend(mount)
  const failed = (error) => mount.say(`The map could not be loaded: ${error.message}`)
  if (mount.xy_url !== data.points) {
    mount.view = null
    mount.load('xy', data.points).catch(failed)
  }
  if (mount.colours_url !== data.colours) mount.load('colours', data.colours).catch(failed)
  mount.later()
  return () => {
    mount.resized.disconnect()
    mount.forget()
    mounts.delete(parentElement)
  }
}
