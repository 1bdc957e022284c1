-- One row for each commit of the ledger. Nothing is ever changed or deleted: whoever exports needs INSERT and SELECT alone,
-- once the tables and the view are there.
create table if not exists detour_ledger (
    domain   text        not null,                      -- the part of the network that the ledger is about
    position bigint      not null check (position > 0), -- on the ledger, from 1, without gaps
    digest   text        not null,                      -- "sha256:" and the SHA-256 of commit
    subject  text        not null,                      -- of the message on the bus
    at       timestamptz not null,                      -- the writer's clock, to the microsecond; the commit has it whole
    by       text        not null,                      -- the replica that wrote it
    commit   bytea       not null,                      -- JSON, byte for byte as it was written
    primary key (domain, position)
);

-- One row for each record of a commit: what happened or was decided.
create table if not exists detour_records (
    domain   text   not null,
    position bigint not null,
    n        int    not null, -- in its commit, from 1
    kind     text   not null,
    incident text   not null, -- '' when it concerns the whole network
    body     json   not null, -- what it says; a character that the database cannot hold (U+0000) is U+FFFD here
    primary key (domain, position, n),
    foreign key (domain, position) references detour_ledger
);
create index if not exists detour_records_incident on detour_records (domain, incident, position);

-- The lines of an export, for detour ledger verify:
-- psql -AtX -c "select line from detour_export where domain = 'default' order by position" DATABASE
create or replace view detour_export as
select domain, position,
    '{"position":' || position || ',"digest":' || to_json(digest) || ',"subject":' || to_json(subject) || ',"commit":' || convert_from(commit, 'UTF8') || '}' as line
from detour_ledger;
