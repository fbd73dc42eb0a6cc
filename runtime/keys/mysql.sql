-- One row for each call that was made with a key, written by its transaction.
create table if not exists sqlx_transactional_keys (
    `key` varbinary(255) primary key,
    done_at timestamp not null default current_timestamp
) engine = InnoDB;
