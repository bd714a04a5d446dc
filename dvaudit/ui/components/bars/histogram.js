class Histogram extends Chart {
  get height() { return 190 }

  same(one, other) {
    if (!one || !other) return one === other
    // The address has six digits of each end.
    return one.every((end, i) => Math.abs(end - other[i]) <= 2e-5 * Math.abs(end))
  }

  lay() {
    const { data } = this
    this.most = Math.max(1, ...data.rest.map((rest, i) => rest + data.flagged[i]))
    this.up = ticks([0, 1.04 * this.most], 3, 1)
    this.top = 8
    this.left = Math.ceil(this.room(this.up.found.map((value) => written(value, this.up.step)))) + 8
    this.plot = { width: this.width - this.left - 4, height: this.height - this.top - 42 }
  }

  // What the frame of the keyboard encloses.
  get reach() { return { x: this.left, width: this.plot.width } }

  x(value) {
    const { edges } = this.data, low = edges[0], high = edges.at(-1)
    const share = (Math.min(Math.max(value, low), high) - low) / (high - low)
    return this.left + this.plot.width * share
  }

  y(many) { return this.top + this.plot.height * (1 - many / (1.04 * this.most)) }

  axes() {
    const { data, up, left, plot } = this, right = left + plot.width, bottom = this.top + plot.height
    const along = ticks([data.edges[0], data.edges.at(-1)], Math.max(2, plot.width / 56))
    const parts = up.found.flatMap((value) => {
      const y = Math.round(this.y(value)) + 0.5
      return [shape('line', { class: 'grid', x1: left, x2: right, y1: y, y2: y }),
        shape('text', { x: left - 6, y: y + 4, 'text-anchor': 'end' }, written(value, up.step))]
    })
    for (const value of along.found) {
      const words = written(value, along.step), half = this.room([words]) / 2
      const x = Math.min(Math.max(this.x(value), half), this.width - half)
      parts.push(shape('text', { x, y: bottom + 16, 'text-anchor': 'middle' }, words))
    }
    parts.push(shape('text', { x: left + plot.width / 2, y: this.height - 6, 'text-anchor': 'middle' },
      cut(data.title, plot.width, (words) => this.room([words]))))
    return parts
  }

  bars() {
    const { data } = this, wide = this.plot.width / this.many, paths = { rest: '', flagged: '' }
    for (let bar = 0; bar < this.many; bar += 1) {
      let from = this.y(0)
      for (const part of ['rest', 'flagged']) {
        if (!data[part][bar]) continue
        const high = Math.max(1, this.y(0) - this.y(data[part][bar]))
        from -= high
        paths[part] += `M${this.left + bar * wide} ${from}h${wide}v${high}h${-wide}z`
      }
    }
    return Object.entries(paths).map(([name, d]) => shape('path', { class: name, d }))
  }

  choice(first, last) {
    const { edges, ends } = this.data
    return [first ? edges[first] : ends[0], last < this.many - 1 ? edges[last + 1] : ends[1]]
  }

  head([first, last]) {
    const { edges } = this.data, step = (edges[1] - edges[0]) / 10
    return this.choice(first, last).map((end) => written(end, step, false)).join(' to ')
  }

  under(event) {
    const px = event.clientX - this.stage.getBoundingClientRect().left - this.left
    const bar = Math.floor(px / this.plot.width * this.many)
    return Math.min(Math.max(bar, 0), this.many - 1)
  }

  start() {
    if (this.last !== null) return this.last
    if (!this.chosen) return Math.floor(this.many / 2)
    const bar = this.data.edges.findIndex((edge, i) => i > 0 && edge > this.chosen[0]) - 1
    return bar < 0 ? this.many - 1 : bar
  }

  mark() {
    const { focus, top, plot } = this, range = this.choosing
    if (!this.marks) return
    const wide = range && (this.drag || range[0] < range[1])
    const band = wide ? this.choice(...range) : this.chosen, parts = []
    if (band) {
      const [from, to] = band.map((end) => this.x(end))
      parts.push(shape('rect', {
        class: 'band', x: from, y: top, width: Math.max(to - from, 2), height: plot.height,
      }))
    }
    if (this.at !== null) {
      const each = plot.width / this.many
      parts.push(shape('rect', {
        class: 'at', x: this.left + this.at * each - 1, y: top, width: each + 2, height: plot.height,
      }))
    }
    this.marks.replaceChildren(...parts)
    focus.classList.toggle('keyed', this.at !== null)
    const said = range ?? [this.start(), this.start()]
    const facts = {
      'aria-label': `Range of ${this.data.title}`, 'aria-orientation': 'horizontal',
      'aria-valuemin': 0, 'aria-valuemax': this.many - 1, 'aria-valuenow': this.at ?? said[0],
      'aria-valuetext': [this.head(said), ...this.facts(said)].join(', '),
    }
    for (const [name, value] of Object.entries(facts)) focus.setAttribute(name, value)
  }

  place([first, last]) {
    const each = this.plot.width / this.many
    const from = this.left + first * each, to = this.left + (last + 1) * each
    const wide = this.card.offsetWidth, right = to + 10, left = from - 10 - wide
    const x = right + wide <= this.width ? right : left >= 0 ? left : (from + to - wide) / 2
    this.card.style.top = `${this.top}px`
    this.card.style.left = `${Math.min(Math.max(x, 0), this.width - wide)}px`
  }

  press(event) {
    const steps = {
      ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10,
      Home: -Infinity, End: Infinity,
    }
    if (event.key in steps) this.move((this.at ?? this.start()) + steps[event.key], event.shiftKey)
    else if (event.key === 'Enter' || event.key === ' ') {
      if (this.at === null) this.move(this.start(), false)
      this.choose(...this.choosing)
      this.anchor = this.at
      this.mark()
    } else return false
    return true
  }
}
