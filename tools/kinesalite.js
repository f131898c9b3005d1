// Kinesalite on loopback: node kinesalite.js MODULES PORT [FOLDER]
//
// What it does not do by itself: keep to one address, and outlive a client that goes away in the middle of a request.
// SIGUSR2 moves its clock on by six minutes, so that every iterator that it gave out is too old.
const [modules, port, folder] = process.argv.slice(2)

process.on('uncaughtException', (error) => {
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.message === 'aborted') return
  console.error(error)
  process.exit(1)
})

let ahead = 0
const now = Date.now
Date.now = () => now() + ahead
process.on('SIGUSR2', () => { ahead += 6 * 60 * 1000 })

const times = { createStreamMs: 10, deleteStreamMs: 10, updateStreamMs: 10 }
const server = require(modules + '/kinesalite')({ path: folder, shardLimit: 100, ...times })
server.keepAliveTimeout = 60000 // its five seconds would cut off a client that is about to ask again
server.listen(Number(port), '127.0.0.1')
