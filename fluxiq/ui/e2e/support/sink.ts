// A merchant's system that hears webhooks: it works, or it does not.
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export class Sink {
  /** What every call is answered with. */
  status = 200
  heard = 0

  private constructor(private readonly server: Server) {}

  /** Until the test is over. */
  static async open(): Promise<Sink> {
    const server = createServer((request, response) => {
      request.resume()
      sink.heard += 1
      response.writeHead(sink.status, { 'Content-Type': 'text/plain' }).end(sink.status < 300 ? 'ok' : 'the till is on fire')
    })
    const sink = new Sink(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/webhooks`
  }
}
