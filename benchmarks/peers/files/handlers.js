// The same three handlers on every host that runs Node.
const http = require('http')

const agent = new http.Agent({ keepAlive: true })
const postsTo = `http://${process.env.POSTS_TO || '127.0.0.1:1/'}`

exports.admit = async () => ({ statusCode: 200 })

exports.echo = async event => ({ statusCode: 200, body: event.body })

exports.back = event =>
  new Promise((resolve, reject) => {
    const url = postsTo + encodeURIComponent(event.requestContext.connectionId)
    const options = { method: 'POST', agent, headers: { 'content-length': Buffer.byteLength(event.body) } }
    http
      .request(url, options, response => {
        response.resume()
        response.on('end', () => resolve({ statusCode: 200 }))
      })
      .on('error', reject)
      .end(event.body)
  })
