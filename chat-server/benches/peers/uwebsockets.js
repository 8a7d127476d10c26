// A plain chat on uWebSockets.js and SQLite: a row for each message, then the message to the room's topic.
// No sign-in, no acks, one small table. With HISTORY a join is answered with so many of the last messages.
// `node uwebsockets.js DATABASE NORMAL|FULL [HISTORY]`

import Database from "better-sqlite3";
import uWS from "uwebsockets";

const [database, synchronous, history = "0"] = process.argv.slice(2);
const historyMax = Number(history);
// What waits for one slow client, at most; with less the library leaves messages out.
const BACKPRESSURE_BYTES_MAX = 64 * 1024 * 1024;

const db = new Database(database);
db.pragma("journal_mode = WAL");
db.pragma(`synchronous = ${synchronous}`);
db.exec(`CREATE TABLE message (id INTEGER PRIMARY KEY, room TEXT NOT NULL, user_id INTEGER NOT NULL,
  body TEXT NOT NULL, created_at INTEGER NOT NULL);
  CREATE INDEX message_room ON message (room, id)`);
const insert = db.prepare("INSERT INTO message (room, user_id, body, created_at) VALUES (?, ?, ?, ?)");
const selectLast = db.prepare("SELECT id, user_id, body, created_at FROM message WHERE room = ? ORDER BY id DESC LIMIT ?");

const lastSeqs = new Map();
let users = 0;
const app = uWS.App().ws("/ws", {
  maxBackpressure: BACKPRESSURE_BYTES_MAX,
  open(ws) {
    users += 1;
    ws.getUserData().id = users;
  },
  message(ws, text) {
    const event = JSON.parse(Buffer.from(text).toString());
    if (event.type === "join_room") {
      ws.subscribe(event.room);
      const lastSeq = lastSeqs.get(event.room) ?? 0;
      const joined = { type: "room_joined", room: event.room, last_seq: lastSeq };
      if (historyMax > 0) joined.messages = lastMessages(event.room, lastSeq);
      ws.send(JSON.stringify(joined));
    } else if (event.type === "send_message") {
      publish(event, ws.getUserData().id);
    }
  },
});

function lastMessages(room, lastSeq) {
  const newestFirst = selectLast.all(room, historyMax);
  return newestFirst.map((row, n) => message(row.id, lastSeq - n, row.user_id, row.body, row.created_at)).reverse();
}

function message(id, seq, userId, body, createdAt, key) {
  const name = `user-${userId}`;
  return {
    id: String(id), seq, changed_seq: seq, user: { id: String(userId), username: name, display_name: name },
    body, kind: "text", created_at: createdAt, edited_at: null, key,
  };
}

function publish({ room, body, key }, userId) {
  const createdAt = Date.now();
  const id = insert.run(room, userId, body, createdAt).lastInsertRowid;
  const seq = (lastSeqs.get(room) ?? 0) + 1;
  lastSeqs.set(room, seq);
  app.publish(room, JSON.stringify({
    type: "new_message", room, seq, message: message(id, seq, userId, body, createdAt, key),
  }));
}

app.listen("127.0.0.1", 0, (socket) => {
  console.log(`listening on http://127.0.0.1:${uWS.us_socket_local_port(socket)}`);
});
