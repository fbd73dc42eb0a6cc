-- One row for each call that was made with a key, written by its transaction. The
-- token tells the call's own row from that of another with the same key.
create table if not exists sqlx_transactional_keys (
    key text primary key check (length(cast(key as blob)) <= 255),
    token blob not null,
    done_at integer not null default (unixepoch())
) without rowid;
