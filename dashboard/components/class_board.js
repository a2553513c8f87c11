// The classes of a project: a card each, to which pictures are added by drop, paste, file and camera.
// The page shows the server's list: every change is sent there first, and the answer is the new list.

const BATCH = 12  // pictures a request
const BATCH_BYTES = 40e6
const ENDED = [403, 410]  // statuses after which no other request will do better
const FRAME_MS = 200  // between two pictures while the camera's button is held
const FRAME_SIDE = 480
const IMAGE = /\.(png|jpe?g|jfif|webp|avif|hei[cf]|bmp|gif|tiff?)$/i
const FIELDS = "input, textarea, select, [contenteditable]"

const SIGNS = {  // paths of 16 x 16
  files: "M3 4.5h7M3 4.5v8h10v-5M3.5 11.5l3-3 2.5 2.5 1.5-1.5 2 2M13 1.5v4M11 3.5h4",
  camera: "M1.5 4.5h9v7h-9zM10.5 7l4-2v6l-4-2",
  remove: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9M7 7v4M9 7v4",
}

function sign(name) {
  const holder = document.createElement("span")
  holder.setAttribute("aria-hidden", "true")
  holder.innerHTML = `<svg width="18" height="18" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.2"
    stroke-linejoin="round" stroke-linecap="round"><path d="${SIGNS[name]}"/></svg>`
  return holder
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node[name] = value
    else if (value === true) node.setAttribute(name, "")
    else if (value !== false && value != null) node.setAttribute(name, value)
  }
  node.append(...children)
  return node
}

// Files and folders that systems and programs make, in lower case: those of model/images/image_files.py.
const LEFTOVERS = new Set(["__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found",
  "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"])
const isHidden = (name) => name.startsWith(".") || LEFTOVERS.has(name.toLowerCase())
// A folder's name as the server keeps a class's; macOS gives its letters apart from their accents.
const className = (name) => name.trim().replace(/\s+/g, " ").normalize("NFC")
const isPicture = (file) => !isHidden(file.name) && (file.type.startsWith("image/") || IMAGE.test(file.name))
const isZip = (file) => /\.zip$/i.test(file.name)

async function filesBelow(entry, path = []) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed))
    return [{ file, path }]
  }
  const reader = entry.createReader()
  const found = []
  for (;;) {  // a reader gives a hundred at a time
    const some = await new Promise((done, failed) => reader.readEntries(done, failed))
    if (!some.length) return found
    for (const one of some) {
      if (!isHidden(one.name)) found.push(...await filesBelow(one, [...path, entry.name]))
    }
  }
}

class Board {
  constructor(root) {
    this.root = root
    this.cards = new Map()
    this.list = root.querySelector(".classes")
    this.active = null  // the class that a paste goes to
    this.revision = -1
    this.listen()
  }

  update(data) {
    const other = data.base !== this.data?.base
    const spoken = JSON.stringify(data.words)
    if (other || spoken !== this.spoken) {  // cards are made with their words
      this.cards.forEach((card) => card.closeCamera())
      this.cards.clear()
      this.list.replaceChildren()
      this.revision = -1
      this.say("")
    }
    if (other) {
      this.work = { underway: 0 }
      this.root.querySelector(".undo").disabled = false
    }
    this.data = data
    this.spoken = spoken
    this.words = data.words
    this.root.querySelectorAll("[data-word]").forEach((node) => { node.textContent = this.words[node.dataset.word] })
    const name = this.root.querySelector(".new input")
    name.placeholder = this.words.new_class
    name.setAttribute("aria-label", this.words.new_class)
    this.root.querySelector(".board").hidden = false
    if (data.revision !== this.revision) this.refresh()
  }

  listen() {
    const form = this.root.querySelector("form.new")
    form.onsubmit = async (event) => {
      event.preventDefault()
      const field = form.querySelector("input")
      const name = field.value.trim()
      if (name && await this.change({ do: "add class", name })) field.value = ""
    }
    this.root.querySelector(".undo").onclick = () => this.change({ do: "undo" })
    const whole = this.root.querySelector(".whole")
    const picker = whole.querySelector("input")
    whole.querySelector("button").onclick = () => picker.click()
    picker.onchange = () => { this.takeWhole([...picker.files].map((file) => ({ file, path: [] }))); picker.value = "" }
    this.dropOn(whole, (found) => this.takeWhole(found))
    const onPaste = (event) => {
      if (!this.root.isConnected) return document.removeEventListener("paste", onPaste, true)
      const files = [...(event.clipboardData?.files ?? [])].filter(isPicture)
      if (!files.length || !this.active || event.composedPath()[0].closest?.(FIELDS)) return
      event.preventDefault()
      this.say("")
      this.cards.get(this.active)?.upload(files)
    }
    document.addEventListener("paste", onPaste, true)
  }

  dropOn(node, take) {
    let depth = 0
    const mark = (on) => node.classList.toggle("over", on)
    node.ondragenter = (event) => { event.preventDefault(); depth += 1; mark(true) }
    node.ondragleave = () => { depth -= 1; if (depth <= 0) { depth = 0; mark(false) } }
    node.ondragover = (event) => { event.preventDefault(); event.dataTransfer.dropEffect = "copy" }
    node.ondrop = async (event) => {
      event.preventDefault()
      event.stopPropagation()
      depth = 0
      mark(false)
      const files = [...event.dataTransfer.files]
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean)
      const found = entries.length ? (await Promise.all(entries.map((one) => filesBelow(one)))).flat() : []
      take(found.length ? found : files.map((file) => ({ file, path: [] })))
    }
  }

  // A ZIP file, or folders of pictures: the last folder around a picture is its class. All of them go to the project
  // that was open when they came, even if another one is opened meanwhile.
  async takeWhole(found) {
    const { base } = this.data
    const isOpen = () => base === this.data.base
    const line = this.root.querySelector(".whole .line")
    line.textContent = ""
    this.say("")
    for (const { file } of found.filter(({ file }) => isZip(file))) {
      line.textContent = this.words.reading.replace("{name}", file.name)
      const looking = setInterval(() => this.refresh(), 1000)
      const answer = await this.send("zip", file, base)
      clearInterval(looking)
      line.textContent = answer && isOpen() ? this.outcome(answer) : ""
      await this.refresh()
    }
    const byClass = new Map()
    for (const { file, path } of found) {
      if (!isPicture(file) || path.some(isHidden)) continue
      if (!path.length) { line.textContent = this.words.which_class; continue }
      const name = className(path.at(-1))
      byClass.set(name, [...(byClass.get(name) ?? []), file])
    }
    for (const [name, files] of byClass) {
      if (isOpen() && !this.cards.has(name) && !await this.request("change", { do: "add class", name }, base)) continue
      await ((isOpen() && this.cards.get(name)) || new Card(this, name, base)).upload(files)
    }
  }

  outcome({ added, known, refused }) {
    const parts = [this.words.added.replace("{count}", added)]
    if (known) parts.push(this.words.known.replace("{count}", known))
    const why = refused.slice(0, 4).map((one) => `${one.name}: ${one.reason}`)
    if (refused.length > why.length) why.push(this.words.more.replace("{count}", refused.length - why.length))
    return [parts.join(", "), ...why].join("\n")
  }

  // What is asked of one project stays with it: a reply that comes when another one is open must not be drawn.
  async ask(path, body, base) {
    try {
      const answer = await fetch(base + path, { method: body ? "POST" : "GET", body })
      const content = await answer.json()
      return answer.ok ? content : { problem: content.error, hopeless: ENDED.includes(answer.status) }
    } catch {
      return { problem: this.words.failed, hopeless: true }
    }
  }

  async send(path, body, base = this.data.base) {
    const answer = await this.ask(path, body, base)
    if (!answer.problem) return answer
    this.complain(answer.problem)
    return null
  }

  // Undo takes back the last change that the server knows, so it waits until nothing is on its way there.
  async during(promise) {
    const undo = this.root.querySelector(".undo")
    const { work } = this
    work.underway += 1
    undo.disabled = true
    try {
      return await promise
    } finally {
      work.underway -= 1
      undo.disabled = this.work.underway > 0
    }
  }

  say(text) { this.root.querySelector(".problem").textContent = text }

  // What went wrong stays until somebody does something else: several folders may each have a problem of their own.
  complain(text) {
    const lines = this.root.querySelector(".problem").textContent.split("\n").filter(Boolean)
    if (!lines.includes(text)) this.say([...lines, text].join("\n"))
  }

  async change(what, base = this.data.base) {
    this.say("")
    return this.request("change", what, base)
  }

  async request(path, what, base) {
    const state = await this.send(path, JSON.stringify(what), base)
    if (state && base === this.data.base) this.draw(state)
    return state
  }

  async refresh() {
    if (this.refreshing) { this.again = true; return this.refreshing }
    const opened = [...this.cards.values()].find((card) => card.opened)?.name ?? ""
    const { base } = this.data
    this.refreshing = this.send(`state?open=${encodeURIComponent(opened)}`, null, base)
    const state = await this.refreshing
    this.refreshing = null
    if (state && base === this.data.base) this.draw(state)
    if (this.again) { this.again = false; await this.refresh() }
  }

  draw(state) {
    if (state.revision < this.revision) return
    this.revision = state.revision
    this.names = state.classes.map((one) => one.name)
    const undo = this.root.querySelector(".undo")
    undo.hidden = !state.undoable
    undo.querySelector("span").textContent = `${this.words.undo}: ${state.undoable}`
    this.root.querySelector(".empty").hidden = state.classes.length > 0
    const names = new Set(this.names)
    for (const [name, card] of this.cards) {
      if (!names.has(name)) { card.closeCamera(); card.node.remove(); this.cards.delete(name) }
    }
    state.classes.forEach((one, place) => {
      let card = this.cards.get(one.name)
      if (!card) this.cards.set(one.name, card = new Card(this, one.name))
      if (this.list.children[place] !== card.node) this.list.insertBefore(card.node, this.list.children[place] ?? null)
      card.draw(one)
    })
  }
}

class Card {
  constructor(board, name, base = board.data.base) {
    this.board = board
    this.name = name
    this.base = base
    this.chosen = new Set()
    this.opened = false
    this.queue = Promise.resolve()
    const words = board.words
    const say = (text) => text.replace("{name}", name)
    const button = (word, onclick) => make(
      "button", { type: "button", "aria-label": say(words[word]), title: say(words[word]), onclick, class: word }, sign(word))
    this.picker = make("input", { type: "file", multiple: true, accept: "image/*,.heic,.heif", hidden: true, "aria-label": say(words.files) })
    this.picker.onchange = () => { board.say(""); this.upload([...this.picker.files]); this.picker.value = "" }
    this.title = make("button", { type: "button", class: "name", title: say(words.rename), "aria-label": say(words.rename), onclick: () => this.rename() })
    this.title.append(name)
    this.dot = make("i", { "aria-hidden": "true" })
    this.count = make("span", { class: "count" })
    this.grid = make("div", { class: "pictures", role: "group", "aria-label": name })
    this.tools = make("div", { class: "tools", hidden: true })
    this.line = make("p", { class: "line", role: "status" })
    this.shooting = make("div", { class: "camera", hidden: true })
    this.node = make("li", { class: "card" },
      make("div", { class: "head" }, this.dot, this.title, this.count, make("span", { class: "gap" }),
        button("files", () => this.picker.click()),
        button("camera", () => this.toggleCamera()),
        button("remove", () => this.change({ do: "remove class", name }))),
      this.picker, this.shooting, this.tools, this.grid, this.line)
    board.dropOn(this.node, (found) => {
      const files = found.map(({ file }) => file)
      board.say("")
      if (files.some(isZip)) board.takeWhole(found)
      else this.upload(files)
    })
    this.node.onpointerenter = () => { board.active = name }
    this.node.addEventListener("focusin", () => { board.active = name })
    this.node.onpointerleave = () => { board.active = null }
  }

  draw(state) {
    this.dot.style.background = state.color
    this.count.textContent = state.count
    const shown = new Set(state.pictures.map((one) => one.id))
    for (const id of this.chosen) if (!shown.has(id)) this.chosen.delete(id)
    const key = JSON.stringify([state.pictures, state.count, this.opened])
    if (key !== this.drawn) {
      this.drawn = key
      const old = new Map([...this.grid.querySelectorAll("button[data-id]")].map((node) => [Number(node.dataset.id), node]))
      const nodes = state.pictures.map((one) => old.get(one.id) ?? this.thumbnail(one))
      if (state.count > state.pictures.length || this.opened) {
        const text = this.opened ? this.board.words.fewer : `+${state.count - state.pictures.length}`
        nodes.push(make("button", { type: "button", class: "rest", onclick: () => { this.opened = !this.opened; this.drawn = ""; this.board.revision = -1; this.board.refresh() } }, text))
      }
      if (!nodes.length) nodes.push(make("p", { class: "hint" }, this.board.words.drop))
      this.grid.replaceChildren(...nodes)
    }
    this.drawTools()
  }

  thumbnail(one) {
    const image = make("img", { src: `${this.base}thumbnails/${one.sha256}`, alt: one.name, loading: "lazy" })
    const node = make("button", { type: "button", "data-id": one.id, "aria-pressed": "false", title: one.name }, image)
    node.onclick = () => {
      if (!this.chosen.delete(one.id)) this.chosen.add(one.id)
      this.drawTools()
    }
    return node
  }

  drawTools() {
    const { words, names } = this.board
    for (const node of this.grid.querySelectorAll("button[data-id]")) {
      node.setAttribute("aria-pressed", this.chosen.has(Number(node.dataset.id)))
    }
    this.tools.hidden = !this.chosen.size
    if (this.tools.hidden) return
    const ids = [...this.chosen]
    const others = names.filter((name) => name !== this.name)
    const move = make("select", { "aria-label": words.move })
    move.append(make("option", { value: "" }, words.move), ...others.map((name) => make("option", { value: name }, name)))
    move.onchange = () => move.value && this.board.change({ do: "move", ids, to: move.value })
    this.tools.replaceChildren(
      make("span", {}, words.chosen.replace("{count}", ids.length)),
      make("button", { type: "button", onclick: () => this.board.change({ do: "remove", ids }) }, words.remove_pictures),
      ...(others.length ? [move] : []),
      make("button", { type: "button", onclick: () => { this.chosen.clear(); this.drawTools() } }, words.none))
  }

  rename() {
    const field = make("input", { type: "text", maxlength: 64, "aria-label": this.board.words.rename.replace("{name}", this.name) })
    field.value = this.name
    let over = false
    const finish = async (keep) => {
      if (over) return
      over = true
      const wanted = field.value.trim()
      field.replaceWith(this.title)
      if (keep && wanted && wanted !== this.name) await this.change({ do: "rename class", old: this.name, new: wanted })
    }
    field.onblur = () => finish(true)
    field.onkeydown = (event) => {
      if (event.key === "Enter") finish(true)
      if (event.key === "Escape") finish(false)
    }
    this.title.replaceWith(field)
    field.focus()
    field.select()
  }

  // The class goes or gets another name once its pictures on the way are there: they would bring it back.
  async change(what) {
    await this.queue
    return this.board.change(what, this.base)
  }

  // One request after another with some pictures each; pictures that were added together are undone together.
  upload(files, group = `${Date.now()}-${Math.random()}`) {
    const pictures = files.filter(isPicture)
    if (!pictures.length) { this.line.textContent = files.length ? this.board.words.no_pictures : ""; return this.queue }
    this.queue = this.board.during(this.queue.then(() => this.sendAll(pictures, group)))
    return this.queue
  }

  async sendAll(files, group) {
    const { most, words } = this.board.data
    const large = files.filter((file) => file.size > most)
    const total = { added: 0, known: 0, refused: large.map(({ name }) => ({ name, reason: words.too_large })) }
    files = files.filter((file) => file.size <= most)
    for (let start = 0; start < files.length;) {
      const batch = []
      for (let size = 0; start < files.length && batch.length < BATCH && (!batch.length || size + files[start].size < BATCH_BYTES); start += 1) {
        batch.push(files[start])
        size += files[start].size
      }
      if (files.length > BATCH) this.line.textContent = this.board.words.progress.replace("{done}", start).replace("{total}", files.length)
      const head = JSON.stringify(batch.map(({ name, size }) => ({ name, size }))) + "\n"
      const query = `class=${encodeURIComponent(this.name)}&group=${encodeURIComponent(group)}`
      const answer = await this.board.ask(`pictures?${query}`, new Blob([head, ...batch]), this.base)
      if (answer.problem) {
        const lost = answer.hopeless ? batch.concat(files.slice(start)) : batch
        total.refused.push(...lost.map(({ name }) => ({ name, reason: answer.problem })))
        if (answer.hopeless) break
        continue
      }
      total.added += answer.added
      total.known += answer.known
      total.refused.push(...answer.refused)
      this.board.refresh()
    }
    await this.board.refresh()
    const text = this.board.outcome(total)
    this.line.textContent = this.filming ? "" : text
    if (!total.known && !total.refused.length) {
      setTimeout(() => { if (this.line.textContent === text) this.line.textContent = "" }, 4000)
    }
  }

  async toggleCamera() {
    if (this.filming) return this.closeCamera()
    const { words } = this.board
    try {
      this.filming = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 640 } } })
    } catch (error) {
      this.line.textContent = error?.name === "NotAllowedError" ? words.not_allowed : words.no_camera
      return
    }
    this.line.textContent = ""
    const video = make("video", { autoplay: true, playsinline: true, muted: true })
    video.muted = true
    video.srcObject = this.filming
    const hold = make("button", { type: "button", class: "hold" }, words.hold)
    this.shooting.replaceChildren(video, hold)
    this.shooting.hidden = false
    let timer = null, group = "", waiting = [], busy = false
    const flush = async () => {
      if (busy || !waiting.length) return
      busy = true
      const files = waiting
      waiting = []
      await this.upload(files, group)
      busy = false
      if (!timer) flush()
    }
    const shoot = async () => {
      if (!this.filming || !video.videoWidth) return
      const scale = Math.min(1, FRAME_SIDE / Math.max(video.videoWidth, video.videoHeight))
      const canvas = make("canvas", { width: Math.round(video.videoWidth * scale), height: Math.round(video.videoHeight * scale) })
      canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height)
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9))
      if (blob) waiting.push(new File([blob], `camera-${Date.now()}.jpg`, { type: "image/jpeg" }))
      flush()
    }
    const begin = (event) => {
      event.preventDefault()
      if (timer) return
      group = `camera-${Date.now()}`
      hold.classList.add("on")
      this.board.during(shoot())
      timer = setInterval(() => this.node.isConnected ? this.board.during(shoot()) : end(), FRAME_MS)
    }
    const end = () => {
      clearInterval(timer)
      timer = null
      hold.classList.remove("on")
      flush()
    }
    this.stopShooting = end
    hold.onpointerdown = (event) => { hold.setPointerCapture(event.pointerId); begin(event) }
    hold.onpointerup = hold.onpointercancel = hold.onblur = end
    hold.oncontextmenu = (event) => event.preventDefault()
    hold.onkeydown = (event) => { if ([" ", "Enter"].includes(event.key)) begin(event) }
    hold.onkeyup = end
    const watch = setInterval(() => {
      if (this.node.isConnected && this.filming) return
      clearInterval(watch)
      this.closeCamera()
    }, 1000)
  }

  closeCamera() {
    this.stopShooting?.()
    this.filming?.getTracks().forEach((track) => track.stop())
    this.filming = null
    this.shooting.hidden = true
    this.shooting.replaceChildren()
  }
}

export default function ({ data, parentElement }) {
  parentElement.vitrineBoard ??= new Board(parentElement)
  parentElement.vitrineBoard.update(data)
}
