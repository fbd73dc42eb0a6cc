-- Conversation threads and their messages. Times are microseconds since the
-- Unix epoch, UTC.

create table threads (
    id          text    not null primary key,
    owner       text    not null check (owner <> ''),
    title       text    check (length(title) between 1 and 200),
    status      text    not null check (status in ('active', 'archived')),
    metadata    text    not null check (json_type(metadata) = 'object'),
    created_at  integer not null,
    updated_at  integer not null,
    archived_at integer,
    version     integer not null check (version >= 1),
    check ((status = 'archived') = (archived_at is not null))
) strict;

-- The list of an owner's threads, newest first, is read in this order.
create index threads_of_owner on threads (owner, created_at desc, id desc);

create table messages (
    id         text    not null primary key,
    thread_id  text    not null references threads (id),
    seq        integer not null check (seq >= 1),
    role       text    not null check (role in ('user', 'assistant', 'system')),
    content    text    not null check (length(content) between 1 and 32768),
    metadata   text    not null check (json_type(metadata) = 'object'),
    created_at integer not null,
    unique (thread_id, seq)
) strict;
