// A picture or the live camera, asked of the network that was just taught.

const SIDE = 320  // pixels of a camera's picture that is asked about
const REST_MS = 60  // between an answer and the next question
const FIELDS = "input, textarea, select, [contenteditable]"

class TryOut {
  constructor(root) {
    this.root = root
    this.find = (name) => root.querySelector(name)
    this.times = []
    this.turn = 0  // of the last question; an answer to an earlier one comes too late
    const picker = this.find("input")
    this.find(".choose").onclick = () => picker.click()
    picker.onchange = () => { if (picker.files[0]) this.take(picker.files[0]); picker.value = "" }
    this.find(".live").onclick = () => this.toggle()
    const area = this.find(".area")
    area.ondragover = (event) => { event.preventDefault(); area.classList.add("over") }
    area.ondragleave = () => area.classList.remove("over")
    area.ondrop = (event) => {
      event.preventDefault()
      area.classList.remove("over")
      if (event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0])
    }
    const onPaste = (event) => {
      if (!root.isConnected) return document.removeEventListener("paste", onPaste)
      const file = event.clipboardData?.files[0]
      if (!file || event.defaultPrevented || event.composedPath()[0].closest?.(FIELDS)) return
      event.preventDefault()
      this.take(file)
    }
    document.addEventListener("paste", onPaste)
  }

  update(data) {
    const other = data.base !== this.data?.base
    const spoken = JSON.stringify(data.words)
    const newer = data.taught !== this.data?.taught || spoken !== this.spoken
    this.data = data
    this.spoken = spoken
    this.root.querySelectorAll("[data-word]").forEach((node) => { node.textContent = data.words[node.dataset.word] })
    this.find(".choose").textContent = data.words.choose
    this.find(".live").textContent = this.stream ? data.words.stop : data.words.camera
    this.find(".tryout").hidden = false
    if (other) this.forget()
    else if (newer && this.file) this.ask(this.file)
    this.find(".hint").hidden = Boolean(this.file || this.stream)
  }

  forget() {
    this.turn += 1
    this.stopCamera()
    this.file = null
    this.find(".picture").hidden = true
    this.find(".answer").hidden = true
  }

  take(file) {
    this.stopCamera()
    this.file = file
    const image = this.find(".picture")
    if (this.url) URL.revokeObjectURL(this.url)
    image.src = this.url = URL.createObjectURL(file)
    image.alt = file.name
    image.hidden = false
    image.onerror = () => { image.hidden = true }  // a kind that the server reads and the browser does not
    this.find(".hint").hidden = true
    this.ask(file)
  }

  async ask(content) {
    const turn = this.turn += 1
    let answer, problem = ""
    try {
      const response = await fetch(this.data.base + "ask", { method: "POST", body: content })
      answer = await response.json()
      if (!response.ok) problem = answer.error
    } catch {
      problem = this.data.words.failed
    }
    if (turn !== this.turn) return
    if (problem) return this.say(problem)
    if (!answer.learnt) return this.say(this.data.words.waiting)
    this.say("")
    this.show(answer)
    return true
  }

  say(text) {
    this.find(".problem").textContent = text
    if (text) this.find(".answer").hidden = true
  }

  show(answer) {
    this.find(".answer").hidden = false
    this.find(".headline").textContent = answer.headline
    this.find(".certainty").textContent = answer.certainty
    const bars = this.find(".bars")
    while (bars.children.length > answer.bars.length) bars.lastChild.remove()
    answer.bars.forEach((bar, place) => {
      let row = bars.children[place]
      if (!row) {
        row = document.createElement("li")
        row.innerHTML = "<span></span><div><i></i></div><b></b>"
        bars.append(row)
      }
      row.querySelector("span").textContent = row.title = bar.label
      row.querySelector("b").textContent = bar.text
      const fill = row.querySelector("i")
      fill.style.width = `${Math.max(0.5, 100 * bar.share)}%`
      fill.style.background = bar.color
      row.classList.toggle("pale", answer.verdict === "unknown" || (place > 0 && bar.share < 0.3))
    })
    const near = this.find(".near")
    const key = answer.nearest.map((one) => one.sha256 + one.label).join()
    if (key === this.nearKey) return
    this.nearKey = key
    near.replaceChildren(...answer.nearest.map((one) => {
      const item = document.createElement("li")
      const image = document.createElement("img")
      image.src = `${this.data.base}thumbnails/${one.sha256}`
      image.alt = ""
      const name = document.createElement("span")
      name.textContent = one.label
      item.append(image, name)
      return item
    }))
  }

  async toggle() {
    if (this.stream) return this.stopCamera()
    const { words } = this.data
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 640 } } })
    } catch (error) {
      return this.say(error?.name === "NotAllowedError" ? words.not_allowed : words.no_camera)
    }
    this.file = null
    this.find(".picture").hidden = true
    this.find(".hint").hidden = true
    const video = this.find("video")
    video.muted = true
    video.srcObject = this.stream
    video.hidden = false
    this.find(".live").textContent = words.stop
    this.times = []
    await video.play().catch(() => {})
    this.look(video, this.stream)
  }

  // One question at a time: the next picture is taken when the answer is there.
  async look(video, stream) {
    const canvas = document.createElement("canvas")
    while (this.stream === stream) {
      if (!this.root.isConnected) return this.stopCamera()
      if (video.videoWidth && !document.hidden) {
        const scale = Math.min(1, SIDE / Math.min(video.videoWidth, video.videoHeight))
        canvas.width = Math.round(video.videoWidth * scale)
        canvas.height = Math.round(video.videoHeight * scale)
        canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height)
        const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85))
        if (this.stream !== stream) return
        const good = blob && await this.ask(blob)
        if (this.stream !== stream) return
        if (good) this.count()
        else await new Promise((done) => setTimeout(done, 700))
      }
      await new Promise((done) => setTimeout(done, REST_MS))
    }
  }

  count() {
    const now = performance.now()
    this.times = [...this.times.filter((time) => now - time < 2000), now]
    const span = now - this.times[0]
    const rate = span > 500 ? (this.times.length - 1) / span * 1000 : 0
    this.find(".rate").textContent = rate ? this.data.words.rate.replace("{count}", rate.toFixed(rate < 10 ? 1 : 0)) : ""
  }

  stopCamera() {
    this.stream?.getTracks().forEach((track) => track.stop())
    this.stream = null
    this.find("video").hidden = true
    this.find(".rate").textContent = ""
    if (this.data) this.find(".live").textContent = this.data.words.camera
    this.find(".hint").hidden = Boolean(this.file)
  }
}

export default function ({ data, parentElement }) {
  parentElement.vitrineTry ??= new TryOut(parentElement)
  parentElement.vitrineTry.update(data)
}
