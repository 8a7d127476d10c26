use chat_domain::*;
use chat_store::{Store, StoreOptions, commit, migrations};
fn main() {
    let args: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let (rooms, batch, rounds) = (args[0], args[1], args[2]);
    let dir = std::env::var("DIR").unwrap_or("/dev/shm".into());
    let folder = tempfile::tempdir_in(dir).unwrap();
    let url = format!("sqlite:{}", folder.path().join("chat.db").display()).parse().unwrap();
    let options = StoreOptions::default();
    migrations::up(&url, &options).unwrap();
    let store = Store::open(&url, &options).unwrap();
    let now = Timestamp::from_unix_ms(1_790_000_000_000);
    let (users, room_ids) = store.write(|r: &mut dyn Repository| {
        let mut us = vec![]; let mut rs = vec![];
        for n in 0..rooms {
            let username = Username::new(format!("user{n}")).unwrap();
            let display_name = DisplayName::from(&username);
            us.push(r.add_user(&NewUser { username, display_name, password_hash: None, created_at: now })?.id());
            let room = r.add_room(&NewRoom { name: RoomName::new(format!("room{n}")).unwrap(), description: RoomDescription::new("").unwrap(), created_at: now, announces_members: false })?;
            rs.push(room.id);
        }
        Ok::<_, RepositoryError>((us, rs))
    }).unwrap();
    let joins = (0..rooms).map(|n| (Command::JoinRoom(JoinRoom { user_id: users[n], room_id: room_ids[n] }), ())).collect();
    for c in commit(&store, now, joins) { c.result.unwrap(); }
    let mut k = 0u64;
    let t = std::time::Instant::now();
    let mut bytes = 0;
    for _ in 0..rounds {
        let cmds = (0..batch).map(|n| { k += 1; let n = n % rooms; (Command::SendMessage(SendMessage { user_id: users[n], room_id: room_ids[n], body: Body::new("x".repeat(100)).unwrap(), key: MessageKey::new(format!("0198f1c2-0000-7000-8000-{k:012}")).unwrap() }), ()) }).collect();
        for c in commit(&store, now, cmds) { match c.result.unwrap() { Outcome::MessageSent(s) => bytes += s.message.body.len(), _ => panic!() } }
    }
    eprintln!("{rooms} rooms batch {batch}: {:.2} us/msg ({bytes})", t.elapsed().as_secs_f64() * 1e6 / (batch * rounds) as f64);
}
