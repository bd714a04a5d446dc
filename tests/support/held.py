"""Holds the messages between a page and its server back, so that their order is the test's."""

HOLD = """
  window.hold = { in: false, out: false }
  const kept = { in: [], out: [] }
  const add = WebSocket.prototype.addEventListener, send = WebSocket.prototype.send
  WebSocket.prototype.addEventListener = function (kind, listener, ...more) {
    const held = (event) => {
      if (window.hold.in) kept.in.push(() => listener(event))
      else listener(event)
    }
    return add.call(this, kind, kind === 'message' ? held : listener, ...more)
  }
  WebSocket.prototype.send = function (data) {
    if (window.hold.out) kept.out.push(() => send.call(this, data))
    else send.call(this, data)
  }
  window.waiting = (way) => kept[way].length
  window.release = (way) => {
    window.hold[way] = false
    for (const one of kept[way].splice(0)) one()
  }
"""
