// Keyboard review. The person is never kept waiting and no key is lost: a verdict is painted at
// once and put into `out` and the browser's storage; the whole of `out` is sent until Python
// acknowledges its ids. What a reload or a closed tab left in the storage, the next visit sends.
const SEND_AFTER = 150
const SEND_BY = 600
const SEND_AGAIN = 2500
const REFILL = 30
const LONG = 12
const mounts = new WeakMap()

class Review {
  constructor(root) {
    this.root = root
    this.out = []
    this.trail = []
    this.early = []
    this.body = new Body(root, (text) => this.hint(text))
    this.cursor = this.past = this.jump = this.outbox = this.firstUnsent = null
    this.onKey = (event) => this.key(event)
    this.onLeave = () => this.flush()
    document.addEventListener('keydown', this.onKey)
    document.addEventListener('pointerdown', this.onLeave, true)
    window.addEventListener('pagehide', this.onLeave)
    this.wire()
  }

  wire() {
    for (const [part, action] of [
      ['keep', () => this.decide('keep')], ['accept', () => this.accept()],
      ['drop', () => this.decide('drop')], ['unsure', () => this.decide('unsure')],
      ['undo', () => this.undo()], ['repeat', () => this.repeat()], ['leave', () => this.leave()],
      ['zoom', () => this.zoom()], ['previous', () => this.move(-1)], ['next', () => this.move(1)],
    ]) $(this.root, part).onclick = () => { this.perform(action); this.root.focus({ preventScroll: true }) }
    $(this.root, 'other').onsubmit = (event) => {
      event.preventDefault()
      this.commitOther()
    }
    const field = $(this.root, 'label')
    field.oninput = () => field.setCustomValidity('')
    field.onkeydown = (event) => {
      if (event.key === 'Escape') this.root.focus()
    }
    $(this.root, 'picture').onclick = () => this.zoom()
  }

  update(data, set) {
    this.data = ownPart(data)
    this.set = set
    const first = this.outbox === null
    if (first) {
      this.outbox = new Outbox(data.outbox)
      this.out = this.outbox.leftOver()
      this.jump = data.jump?.number ?? null
    }
    const known = new Set(data.ack)
    this.outbox.forget(known)
    this.out = this.out.filter((event) => !known.has(event.id))
    // Something was refused, many verdicts went back at once, or somebody else sits here: what the
    // trail says about the order of verdicts no longer holds.
    if (data.error || data.note || sitter(data) !== this.reviewer) this.trail = []
    this.reviewer = sitter(data)
    if (!this.out.length) this.firstUnsent = null
    this.index = new Map(this.data.items.map((item, at) => [item.position, at]))
    if (data.queue !== this.queue) {
      this.queue = data.queue
      this.cursor = this.past = null
      this.early = []  // typed for samples of the queue before
    }
    if (data.jump && data.jump.number !== this.jump) {
      this.jump = data.jump.number
      if (this.index.has(data.jump.position)) this.cursor = data.jump.position
    }
    if (!this.index.has(this.cursor)) this.cursor = this.firstOpen()
    if (this.past) {
      const open = this.data.items.find((item) => !this.verdict(item))
      if (open) this.cursor = open.position
      this.past = open ? null : data.more ? 'waiting' : 'end'
    }
    this.fillForm()
    this.paint()
    if (!this.past) for (const action of this.early.splice(0)) this.perform(action)
    // A message that was overtaken by another one on its way is sent again.
    clearTimeout(this.again)
    if (this.out.length) this.again = setTimeout(() => this.flush(), first ? 0 : SEND_AGAIN)
  }

  get at() { return this.index.get(this.cursor) ?? -1 }
  get item() { return this.data.items[this.at] }

  // What the person sees: the newest unacknowledged verdict, else the stored one.
  verdict(item) {
    for (let i = this.out.length - 1; i >= 0; i -= 1) {
      const event = this.out[i]
      if (event.kind === 'decide' && event.position === item.position) {
        return { verdict: event.verdict, label: event.label }
      }
      if (event.kind === 'undo' && event.position === item.position) return event.before
    }
    return item.verdict
  }

  firstOpen() {
    const open = this.data.items.find((item) => !this.verdict(item))
    return (open ?? this.data.items.at(-1))?.position ?? null
  }

  push(event) {
    this.out = this.out.filter((old) => old.kind !== 'at')
    this.out.push(this.outbox.put({ ...event, reviewer: sitter(this.data) }))
    this.firstUnsent ??= Date.now()
    clearTimeout(this.timer)
    const wait = Math.min(SEND_AFTER, Math.max(0, this.firstUnsent + SEND_BY - Date.now()))
    this.timer = setTimeout(() => this.flush(), wait)
  }

  flush() {
    clearTimeout(this.timer)
    clearTimeout(this.again)
    if (!this.out.length) return
    this.firstUnsent = Date.now()
    this.set('events', this.out.map((event) => ({ ...event, own: this.outbox.made(event) })))
    this.again = setTimeout(() => this.flush(), SEND_AGAIN)
  }

  decide(verdict, label = null) {
    const item = this.item
    if (!item || this.past === 'end') return
    this.trail.push({ position: item.position, before: this.verdict(item) ?? null })
    // What is on its way to this sample is shown here already, whichever page typed it.
    const waiting = this.out.filter((event) => event.position === item.position).map(({ id }) => id)
    this.push({
      kind: 'decide', position: item.position, verdict, label, resolves: item.conflict,
      seen: item.version, waiting,
    })
    this.say(`${item.name}: ${this.words({ verdict, label })}`)
    const open = (other) => !this.verdict(other)
    const next = this.data.items.slice(this.at + 1).find(open)
      ?? (this.data.more ? undefined : this.data.items.find(open))
    if (next) {
      this.go(next.position)
      return
    }
    // The next samples are still on their way, or there are none.
    this.past = this.data.more ? 'waiting' : 'end'
    this.paint()
  }

  // Verdicts typed ahead of the samples are carried out, in order, when those have arrived.
  perform(action) {
    if (this.past === 'waiting') this.early.push(action)
    else action()
  }

  accept() {
    const item = this.item
    if (!item || this.past === 'end') return
    if (item.suggestion === null) this.hint('There is no suggestion here: choose a label, or keep.')
    else this.decide('relabel', item.suggestion)
  }

  // The verdicts that were refused as the sample had been judged elsewhere meanwhile.
  get lost() { return unanswered(this.data.overtaken, this.out) }

  repeat() {
    const [first] = this.lost
    if (!first) return
    this.trail = []
    const { position, verdict, label, resolves, version: seen } = first
    this.push({ kind: 'decide', position, verdict, label, resolves, seen })
    this.say('Stored all the same')
    this.paint()
  }

  leave() {
    const [first] = this.lost
    if (!first) return
    this.push({ kind: 'leave', position: first.position, seen: first.version })
    this.paint()
  }

  undo() {
    if (!this.item) return
    this.past = null
    const last = this.trail.pop()
    this.push(last
      ? { kind: 'undo', position: last.position, before: last.before }
      : { kind: 'undo', position: null, before: null })
    if (last && this.index.has(last.position)) this.go(last.position)
    this.say('Undone')
  }

  // The picture or the row over the whole window; the person goes on judging there.
  zoom() {
    if (!this.item && !this.zoomed) return
    this.zoomed = !this.zoomed
    this.root.classList.toggle('zooming', this.zoomed)
    $(this.root, 'zoomed').hidden = !this.zoomed
    $(this.root, 'zoom').setAttribute('aria-pressed', String(this.zoomed))
    this.say(this.zoomed ? 'Zoomed' : 'Zoom closed')
  }

  move(step) {
    if (this.past === 'end' && step < 0) {
      this.go(this.cursor)
      return
    }
    const next = this.data.items[this.at + step]
    if (!next) return
    this.go(next.position)
    const left = this.data.items.length - 1 - this.at
    if ((this.data.more && left < REFILL) || (this.data.before && this.at < 3)) {
      this.push({ kind: 'at', position: next.position })
    }
  }

  go(position) {
    this.cursor = position
    this.past = null
    this.fillForm()
    this.paint()
  }

  key(event) {
    const target = event.composedPath()[0]
    if (typing(target) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (document.querySelector('[role="dialog"], [role="listbox"]')) return
    const pressing = target.closest?.('button, a, summary, [role="button"], [role="tab"]')
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (name === 'Enter' && pressing) {
      this.flush()
      return
    }
    const action = this.action(name)
    if (!action) return
    event.preventDefault()
    // A key held down repeats: good for looking through, not for deciding.
    if (!event.repeat || name.startsWith('Arrow')) this.perform(action)
  }

  action(name) {
    const label = this.data && this.keys().find(([key]) => key === name)
    if (label) {
      // Keys that differ from sample to sample mean nothing on one that is not shown yet.
      if (this.past === 'waiting' && this.item?.keys) return undefined
      return () => this.decide('relabel', label[1])
    }
    return {
      k: () => this.decide('keep'),
      d: () => this.decide('drop'),
      u: () => this.decide('unsure'),
      s: () => this.accept(),
      Enter: () => this.accept(),
      z: () => this.undo(),
      r: this.data && this.lost.length ? () => this.repeat() : undefined,
      f: () => this.zoom(),
      Escape: this.zoomed ? () => this.zoom() : undefined,
      l: () => $(this.root, 'label').focus(),
      ArrowLeft: () => this.move(-1),
      ArrowUp: () => this.move(-1),
      ArrowRight: () => this.move(1),
      ArrowDown: () => this.move(1),
    }[name]
  }

  commitOther() {
    const field = $(this.root, 'label')
    const text = field.value.trim()
    const label = this.data.classes
      ? named(this.data.classes, text) : number(text, this.item?.suggestion)
    if (label === undefined) {
      field.setCustomValidity(this.data.classes
        ? 'No class has this name, or several begin with it.' : 'Give a number.')
      field.reportValidity()
      return
    }
    this.perform(() => this.decide('relabel', label))
    this.root.focus({ preventScroll: true })
  }

  fillForm() {
    if (this.filled === this.cursor) return  // the person may be typing
    this.filled = this.cursor
    const field = $(this.root, 'label')
    field.setCustomValidity('')
    field.value = this.data.classes ? '' : six(this.item?.suggestion) ?? ''
  }

  words(decision) { return decided(decision, this.data.classes) }

  say(text) { $(this.root, 'spoken').textContent = text }

  // Key, class, and the class as it is shown, of each number key on the current sample.
  keys() {
    const own = this.item?.keys
    return own ? own.map(([label, short], at) => [String(at + 1), label, short]) : this.data.shortcuts
  }

  hint(text) {
    $(this.root, 'message').textContent = text
    clearTimeout(this.hinting)
    this.hinting = setTimeout(() => this.paint(), 4000)
  }

  paint() {
    const { data, root, item } = this
    root.classList.toggle('empty', !item)
    paintRefusal(root, data.error, this.lost)
    if (!item) {
      if (this.zoomed) this.zoom()
      return
    }
    const decision = this.verdict(item)
    const name = $(root, 'name')
    name.textContent = item.name
    name.title = item.name
    $(root, 'rank').textContent = item.rank
    const [given, suggestion] = [item.given, item.suggestion]
      .map((label) => data.classes ? label : six(label))
    $(root, 'given').textContent = given ?? 'no label'
    $(root, 'suggestion').textContent = suggestion ?? 'none'
    const longest = Math.max((given ?? '').length, (suggestion ?? '').length)
    $(root, 'labels').classList.toggle('long', longest > LONG)
    $(root, 'suggested').classList.toggle('absent', item.suggestion === null)
    $(root, 'accept').disabled = item.suggestion === null
    $(root, 'reason').textContent = item.reason
    $(root, 'message').textContent = ''
    legend(root, this.keys())
    $(root, 'note').textContent = data.note ?? ''
    const opinions = $(root, 'opinions')
    opinions.hidden = !item.opinions
    opinions.textContent = item.opinions ?? ''
    opinions.classList.toggle('differ', item.conflict)
    $(root, 'zoomedName').textContent =
      `${item.name}: given ${given ?? 'no label'}, suggestion ${suggestion ?? 'none'}.`
    const state = $(root, 'state')
    state.textContent = this.words(decision) || 'not reviewed'
    state.className = `state ${decision ? this.words({ verdict: decision.verdict }) : 'open'}`
    $(root, 'undo').disabled = !this.trail.length && !data.undoable
    $(root, 'previous').disabled = this.at === 0
    $(root, 'next').disabled = this.at === data.items.length - 1
    this.paintProgress()
    this.paintStored()
    if (this.painted !== item.position || this.paintedData !== data) {
      this.body.paint(data, this.at)
      this.painted = item.position
      this.paintedData = data
    }
  }

  paintProgress() {
    const { data, root } = this
    const changed = data.items.reduce(
      (sum, item) => sum + (item.counted ? Boolean(this.verdict(item)) - Boolean(item.verdict) : 0),
      0,
    )
    const done = Math.min(data.total, Math.max(0, data.done + changed))
    const bar = $(root, 'bar')
    bar.max = Math.max(1, data.total)
    bar.value = done
    $(root, 'progress').textContent =
      `${done.toLocaleString('en')} of ${data.total.toLocaleString('en')} ${data.counts}`
    root.classList.toggle('over', this.past === 'end')
    root.classList.toggle('waiting', this.past === 'waiting')
  }

  paintStored() {
    const waiting = this.out.filter((event) => event.kind !== 'at').length
    const stored = $(this.root, 'stored')
    const refused = !waiting && Boolean(this.data.error || this.lost.length)
    stored.textContent = waiting ? 'storing…' : refused ? 'not stored' : 'stored'
    stored.classList.toggle('waiting', waiting > 0)
    stored.classList.toggle('refused', refused)
  }

  close() {
    this.flush()
    for (const timer of [this.timer, this.again, this.hinting]) clearTimeout(timer)
    document.removeEventListener('keydown', this.onKey)
    document.removeEventListener('pointerdown', this.onLeave, true)
    window.removeEventListener('pagehide', this.onLeave)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.review')
  let review = mounts.get(parentElement)
  if (!review) {
    review = new Review(root)
    mounts.set(parentElement, review)
  }
  choices(root, data)
  review.update(data, setTriggerValue)
  return () => {
    review.close()
    mounts.delete(parentElement)
  }
}
