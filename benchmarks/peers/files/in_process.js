// The handlers in the process of aws-lambda-ws-server: node in_process.js PACKAGE PORT
const http = require('http')
const { Server } = http

const [packageFolder, port] = process.argv.slice(2)
process.env.PORT = port
process.env.MAPPING_KEY = 'action'
const listen = Server.prototype.listen
Server.prototype.listen = function (on) {
  return listen.call(this, on, '127.0.0.1') // it would listen on all interfaces
}
process.env.POSTS_TO = `127.0.0.1:${port}/%40connections/`
const { back } = require('./handlers.js')
const ws = require(packageFolder)

exports.handler = ws(
  ws.handler({
    async connect () {
      return { statusCode: 200 }
    },
    async disconnect () {
      return { statusCode: 200 }
    },
    async default ({ message, id, context }) {
      await context.postToConnection(message, id) // it knows no route response
      return { statusCode: 200 }
    },
    back: ({ event }) => back({ body: String(event.body), requestContext: event.requestContext })
  })
)
