-- One row for each call that was made with a key, written by its transaction. The
-- token tells the call's own row from that of another with the same key.
create table if not exists sqlx_transactional_keys (
    `key` varbinary(255) primary key,
    token binary(16) not null,
    done_at timestamp not null default current_timestamp
) engine = InnoDB;
