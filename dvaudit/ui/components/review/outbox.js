// Events that wait for their acknowledgement, one entry each in the browser's storage, so that
// several tabs on one dataset never overwrite each other's; Python applies an id only once.
class Outbox {
  constructor(name) {
    this.prefix = `dvaudit-review/${name}/`
    this.sender = [...crypto.getRandomValues(new Uint8Array(12))]
      .map((byte) => byte.toString(16).padStart(2, '0')).join('')
    this.count = 0
  }

  put(event) {
    this.count += 1
    const made = { id: `${this.sender}-${this.count}`, made: Date.now(), count: this.count, ...event }
    if (made.kind !== 'at') stored(() => localStorage.setItem(this.prefix + made.id, JSON.stringify(made)))
    return made
  }

  // Whether an event was typed in this tab.
  made(event) { return event.id.startsWith(`${this.sender}-`) }

  // What was not acknowledged when a page was left, in the order it was typed.
  leftOver() {
    const keys = stored(() => Object.keys(localStorage)) ?? []
    return keys.filter((key) => key.startsWith(this.prefix))
      .map((key) => stored(() => JSON.parse(localStorage.getItem(key))))
      .filter((event) => event?.id)
      .sort((one, other) => one.made - other.made || one.count - other.count)
  }

  forget(ids) {
    for (const id of ids) stored(() => localStorage.removeItem(this.prefix + id))
  }
}

// A browser may refuse storage or have it full: the events are then sent from memory alone.
function stored(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}
