const CHOSEN = 650 // the weight of a chosen name, as in index.css

class Rows extends Chart {
  get row() { return 23 }
  get height() { return 6 + this.row * this.many + 26 }

  same(one, other) { return JSON.stringify(one) === JSON.stringify(other) }

  lay() {
    const { data } = this, room = (name) => this.room([name], CHOSEN)
    this.most = 1.04 * Math.max(1, ...data.rest.map((rest, i) => rest + data.flagged[i]))
    this.top = 6
    this.names = data.names.map((name) => cut(name, 0.5 * this.width, room))
    this.left = Math.ceil(this.room(this.names, CHOSEN)) + 10
    this.plot = { width: this.width - this.left - 4, height: this.row * this.many }
    this.options = data.names.map((name, at) => {
      const option = element('div')
      option.id = `row${at}`
      option.setAttribute('role', 'option')
      option.setAttribute('aria-label', [name, ...this.facts([at, at])].join(', '))
      option.style.top = `${this.row * at}px`
      option.style.height = `${this.row}px`
      return option
    })
    this.focus.replaceChildren(...this.options)
  }

  get reach() { return { x: 0, width: this.width } }

  axes() {
    const { left, plot } = this, bottom = this.top + plot.height
    const along = ticks([0, this.most], Math.max(1, Math.min(5, plot.width / 44)), 1)
    return along.found.map((value) => {
      const words = written(value, along.step), half = this.room([words]) / 2
      const x = Math.min(left + plot.width * value / this.most, this.width - half)
      return shape('text', { x, y: bottom + 18, 'text-anchor': 'middle' }, words)
    })
  }

  bars() {
    const { data, left, plot, row } = this
    this.rows = data.names.map((name, at) => {
      const y = this.top + row * at, line = shape('g', {})
      let x = left
      line.append(shape('text', { x: left - 8, y: y + row / 2 + 4, 'text-anchor': 'end' },
        this.names[at]))
      for (const part of ['rest', 'flagged']) {
        if (!data[part][at]) continue
        const width = Math.max(1, plot.width * data[part][at] / this.most)
        line.append(shape('rect', { class: part, x, y: y + 3, width, height: row - 6 }))
        x += width
      }
      return line
    })
    return this.rows
  }

  choice(first, last) {
    const { chosen } = this, named = this.data.names.slice(first, last + 1)
    if (first === last && chosen.includes(named[0])) {
      return chosen.filter((name) => name !== named[0])
    }
    return [...new Set([...chosen, ...named])]
  }

  head([first, last]) {
    const { names } = this.data
    return first === last ? names[first] : counted(last - first + 1, 'class').replace(/s$/, 'es')
  }

  under(event) {
    const px = event.clientY - this.stage.getBoundingClientRect().top - this.top
    return Math.min(Math.max(Math.floor(px / this.row), 0), this.many - 1)
  }

  start() {
    const first = this.data.names.findIndex((name) => this.chosen.includes(name))
    return this.last ?? Math.max(0, first)
  }

  mark() {
    const { focus } = this, range = this.choosing, chosen = new Set(this.chosen)
    if (!this.marks) return
    const band = (one, name) => shape('rect', {
      class: name, x: 1, y: this.top + this.row * one[0] + 1,
      width: this.width - 2, height: this.row * (one[1] - one[0] + 1) - 2,
    })
    const parts = this.drag ? [band(range, 'band')] : this.at === null ? [] : [band(range, 'at')]
    this.marks.replaceChildren(...parts)
    this.data.names.forEach((name, at) => {
      const on = chosen.has(name)
      this.options[at].setAttribute('aria-selected', String(on))
      this.rows[at].querySelector('text').classList.toggle('chosen', on)
      for (const bar of this.rows[at].querySelectorAll('rect')) {
        bar.classList.toggle('pale', chosen.size > 0 && !on)
      }
    })
    focus.classList.toggle('keyed', this.at !== null)
    focus.setAttribute('aria-label', 'Classes')
    focus.setAttribute('aria-multiselectable', 'true')
    if (this.at === null) focus.removeAttribute('aria-activedescendant')
    else focus.setAttribute('aria-activedescendant', `row${this.at}`)
  }

  place([first, last]) {
    const { card } = this, above = first + last >= this.many
    card.style.right = '0'
    card.style.top = above ? '' : `${this.top + this.row * (last + 1) + 4}px`
    card.style.bottom = above ? `${this.height - this.top - this.row * first + 4}px` : ''
  }

  press(event) {
    const steps = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }
    if (event.key in steps) {
      this.move(this.at === null ? this.start() : this.at + steps[event.key], false)
    } else if (event.key === 'Enter' || event.key === ' ') {
      if (this.at === null) this.move(this.start(), false)
      this.choose(this.at, this.at)
      this.mark()
    } else return false
    return true
  }
}
