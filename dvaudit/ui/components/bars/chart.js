// What both charts do: their bars are what `lay`, `axes` and `bars` of each draw.
const sum = (counts, [first, last]) => counts.slice(first, last + 1).reduce((a, b) => a + b, 0)
const ordered = (one, other) => [Math.min(one, other), Math.max(one, other)]

class Chart {
  constructor(root) {
    this.root = root
    this.stage = root.querySelector('.stage')
    this.svg = root.querySelector('.stage svg')
    this.focus = root.querySelector('.focus')
    this.card = root.querySelector('.card')
    this.pen = document.createElement('canvas').getContext('2d')
    this.drag = this.at = this.anchor = this.last = null
    this.sent = []
    this.resized = new ResizeObserver(() => this.draw())
    this.resized.observe(this.stage)
  }

  get many() { return this.data.rest.length }
  get width() { return this.stage.clientWidth }

  // As last sent, until Python answers.
  get chosen() { return this.sent.at(-1) ?? this.data.chosen }

  // The first and last bar below the mouse or the keyboard while they choose, null before.
  get choosing() {
    if (this.drag) return ordered(this.drag.from, this.drag.to)
    return this.at === null ? null : ordered(this.anchor, this.at)
  }

  take(data) {
    const before = this.data
    this.data = data
    if (before && before.rest.length !== this.many) {
      this.drag = this.at = this.anchor = this.last = null
    }
    const answered = this.sent.findLastIndex((choice) => this.same(choice, data.chosen))
    if (answered >= 0) this.sent.splice(0, answered + 1)
    else if (before && !this.same(before.chosen, data.chosen)) this.sent = []
    const palette = getComputedStyle(this.root).getPropertyValue('--st-chart-categorical-colors')
    const [rest, flagged] = palette.split(',')
    this.root.style.setProperty('--rest', rest)
    this.root.style.setProperty('--flagged', flagged)
    const { chosen, ...bars } = data, drawn = JSON.stringify(bars)
    if (drawn === this.drawn) this.mark()
    else this.draw()
    this.drawn = drawn
  }

  draw() {
    if (!this.data) return
    this.svg.setAttribute('height', this.height)
    if (this.width < 40) return
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`)
    this.svg.setAttribute('aria-label', this.data.name)
    this.font = getComputedStyle(this.root).fontFamily
    this.lay()
    this.marks = shape('g', {})
    this.svg.replaceChildren(...this.axes(), ...this.bars(), this.marks)
    const { x, width } = this.reach
    Object.assign(this.focus.style, {
      left: `${x}px`, top: `${this.top}px`, width: `${width}px`, height: `${this.plot.height}px`,
    })
    this.mark()
  }

  room(texts, weight = 400) {
    this.pen.font = `${weight} 12px ${this.font}`
    return Math.max(0, ...texts.map((text) => this.pen.measureText(text).width))
  }

  choose(first, last) {
    const choice = this.choice(first, last)
    if (!this.same(choice, this.chosen)) {
      this.sent.push(choice)
      this.trigger('choose', choice)
    }
  }

  facts(range) {
    const flagged = sum(this.data.flagged, range)
    return [counted(sum(this.data.rest, range) + flagged, 'sample'),
      `${flagged.toLocaleString('en')} flagged`]
  }

  // What lies in some bars, beside them.
  tell(range) {
    const { card } = this, [samples, flagged] = this.facts(range), row = element('span')
    row.append(element('i'), element('span', flagged))
    card.replaceChildren(element('b', this.head(range)), element('span', samples), row)
    card.hidden = false
    this.place(range)
  }

  hush() { this.card.hidden = true }

  move(to, widen) {
    this.at = this.last = Math.min(Math.max(to, 0), this.many - 1)
    if (!widen || this.anchor === null) this.anchor = this.at
    this.mark()
    this.tell(this.choosing)
  }

  giveUp() {
    if (this.drag) this.leave()
    else this.move(this.at, false)
  }

  leave() {
    this.drag = this.at = this.anchor = null
    this.hush()
    this.mark()
  }
}
