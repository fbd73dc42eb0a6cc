-- One row for each call that was made with a key, written by its transaction.
create table if not exists sqlx_transactional_keys (
    key text primary key check (length(cast(key as blob)) <= 255),
    done_at integer not null default (unixepoch())
) without rowid;
