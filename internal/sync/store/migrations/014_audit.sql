-- The audit trail: an entry for every statement that changed rows which matter, chained in blocks. Package audit seals
-- and verifies it. Additive: the changes of the previous revision are recorded, too, as nobody's.

create table august.audit (
    id         bigint      generated always as identity,
    at         timestamptz not null default clock_timestamp(),
    txid       xid8        not null default pg_current_xact_id(),
    cluster    bigint      not null,
    actor      text        not null default session_user,
    source     text        not null,
    source_id  text        not null,
    relation   text        not null,
    operation  text        not null check (operation in ('insert', 'update', 'delete', 'truncate', 'retire')),
    keys       text[]      not null,
    before     bytea,
    after      bytea,
    flags      text,
    deliveries text[]
) partition by range (at);
comment on table  august.audit            is 'What changed, one entry per statement and table. Append-only; holds ids and hashes, nothing of a row''s content.';
comment on column august.audit.id         is 'Order of writing; numbers of transactions that failed are missing.';
comment on column august.audit.at         is 'When the statement ended, by this database''s clock.';
comment on column august.audit.txid       is 'Transaction; unique within a cluster.';
comment on column august.audit.cluster    is 'System identifier of the PostgreSQL cluster that wrote it: another one counts transactions anew.';
comment on column august.audit.actor      is 'Database user of the session.';
comment on column august.audit.source     is 'What the session says it works for: run, webhook, control, command; sql when it says nothing.';
comment on column august.audit.source_id  is 'Number of the run, e-mail of the control API''s caller, name of the command; of sql the session''s application name.';
comment on column august.audit.relation   is 'Table, with its schema.';
comment on column august.audit.operation  is 'insert, update, delete, truncate; retire: entries past their retention were removed.';
comment on column august.audit.keys       is 'Keys of the rows that changed; columns of a longer key are joined by "/".';
comment on column august.audit.before     is '32 bytes for each key, in their order: the hash of the row as it was. Null of an insert; zeros where a key was not there.';
comment on column august.audit.after      is 'Likewise, of the row as it became. Null of a deletion.';
comment on column august.audit.flags      is 'A digit for each key, the sum of 1: was marked as deleted at the source; 2: is marked so; 4: content_hash stayed and another column changed, so that both hashes are of the row''s text. Null when all are 0.';
comment on column august.audit.deliveries is 'Delivery of the webhook that brought each key, or null.';

-- Hashes do not compress.
alter table august.audit alter column before set storage external, alter column after set storage external;
create index audit_sealed on august.audit (cluster, txid, id);
create index audit_retired on august.audit (id) where operation = 'retire';

create table august.audit_block (
    number    bigint      primary key,
    cluster   bigint      not null,
    from_xid  xid8        not null,
    to_xid    xid8        not null,
    entries   bigint      not null,
    root      bytea       not null,
    previous  bytea       not null,
    sealed_at timestamptz not null,
    hash      bytea       not null
);
comment on table  august.audit_block           is 'Blocks of the audit trail. Append-only; they stay when their entries are past retention.';
comment on column august.audit_block.number    is 'From 1, without gaps.';
comment on column august.audit_block.cluster   is 'Cluster of the entries.';
comment on column august.audit_block.from_xid  is 'The block has every entry of the transactions from this one: where the cluster''s previous block ended.';
comment on column august.audit_block.to_xid    is 'To before this one; all of them had ended when it was sealed.';
comment on column august.audit_block.entries   is 'Their number.';
comment on column august.audit_block.root      is 'Hash over the entries'' digests, in the order of (txid, id).';
comment on column august.audit_block.previous  is 'Hash of the block before; 32 zeros of the first.';
comment on column august.audit_block.sealed_at is 'When, by this database''s clock.';
comment on column august.audit_block.hash      is 'Hash over all other columns, as package audit defines it.';
create index audit_block_window on august.audit_block (cluster, to_xid);

create table august.audit_head (
    bucket     text        primary key,
    number     bigint      not null,
    written_at timestamptz not null
);
comment on table  august.audit_head            is 'How far the heads of blocks have been exported. A hint: exporting again changes nothing.';
comment on column august.audit_head.bucket     is 'Where to.';
comment on column august.audit_head.number     is 'Newest block whose head is there.';
comment on column august.audit_head.written_at is 'When it was written.';

-- Append-only. Whoever owns the tables can take these triggers away; the chain is for that.
create function august.audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: the audit trail is append-only, and an entry belongs to the transaction that writes it', lower(tg_op), tg_table_name
        using errcode = 'insufficient_privilege';
end $$;

create trigger audit_append_only before update or delete on august.audit for each row execute function august.audit_refuse();
create trigger audit_no_truncate before truncate on august.audit for each statement execute function august.audit_refuse();
create trigger audit_own_entry before insert on august.audit for each row
    when (new.txid <> pg_current_xact_id() or new.at < now() or new.at > clock_timestamp() or new.actor <> session_user)
    execute function august.audit_refuse();
create trigger audit_append_only before update or delete on august.audit_block for each row execute function august.audit_refuse();
create trigger audit_no_truncate before truncate on august.audit_block for each statement execute function august.audit_refuse();
revoke update, delete, truncate on august.audit, august.audit_block from public, current_user;

-- The cluster's system identifier; where that may not be read, the database's oid, which a restored copy does not share as surely.
create function august.audit_cluster() returns bigint language plpgsql stable as $$
begin
    return (select system_identifier from pg_control_system());
exception when insufficient_privilege then
    return (select oid::bigint from pg_database where datname = current_database());
end $$;
comment on function august.audit_cluster() is 'Tells clusters apart whose transaction numbers have nothing to do with each other.';

-- Makes the partitions of a moment's month and of those that follow it. Entries that were written when there was none lie
-- in the default partition: no other can be made of their months, so their partition becomes a range of its own.
create function august.audit_ahead(moment timestamptz, months integer) returns void language plpgsql set timezone = 'UTC' as $$
declare
    month timestamptz;
    name  text;
    range_start timestamptz;
    range_end   timestamptz;
    held        boolean;
begin
    select date_trunc('month', min(at)), date_trunc('month', max(at)) + interval '1 month', count(*) > 0 into range_start, range_end, held from august.audit_default;
    if held and not exists (select from august.audit_partitions() p where p.lower < range_end and p.upper > range_start)
    then
        alter table august.audit detach partition august.audit_default;
        name := format('audit_%s_to_%s', to_char(range_start, 'YYYY_MM'), to_char(range_end - interval '1 month', 'YYYY_MM'));
        execute format('alter table august.audit_default rename to %I', name);
        execute format('alter table august.audit attach partition august.%I for values from (%L) to (%L)', name, range_start, range_end);
        perform august.audit_partition('audit_default', 'default');
    end if;
    for n in 0 .. months loop
        month := date_trunc('month', moment) + n * interval '1 month';
        name := format('audit_%s', to_char(month, 'YYYY_MM'));
        if to_regclass('august.' || name) is null
            and not exists (select from august.audit_default where at >= month and at < month + interval '1 month')
            and not exists (select from august.audit_partitions() p where p.lower < month + interval '1 month' and p.upper > month)
        then
            perform august.audit_partition(name, format('for values from (%L) to (%L)', month, month + interval '1 month'));
        end if;
    end loop;
end $$;
comment on function august.audit_ahead(timestamptz, integer) is 'Makes the audit trail''s partitions ahead of time.';

-- One partition. Attached rather than made in place, which would wait for, and hold up, every writer.
create function august.audit_partition(name text, bounds text) returns void language plpgsql as $$
begin
    execute format('create table august.%I (like august.audit including defaults including constraints including indexes including storage including comments)', name);
    execute format('comment on table august.%I is %L', name, 'A part of august.audit.');
    execute format('create trigger audit_no_truncate before truncate on august.%I for each statement execute function august.audit_refuse()', name);
    execute format('revoke update, delete, truncate on august.%I from public, current_user', name);
    execute format('alter table august.audit attach partition august.%I %s', name, bounds);
end $$;

create function august.audit_partitions() returns table (name text, lower timestamptz, upper timestamptz) language sql stable set timezone = 'UTC' as $$
    select name, (regexp_match(bound, $r$FROM \('([^']+)'\)$r$))[1]::timestamptz, (regexp_match(bound, $r$TO \('([^']+)'\)$r$))[1]::timestamptz
    from (
        select c.relname::text as name, pg_get_expr(c.relpartbound, c.oid) as bound
        from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'august.audit'::regclass
    ) p where bound <> 'DEFAULT'
$$;
comment on function august.audit_partitions() is 'The audit trail''s partitions and what they hold, but for the default one.';

select august.audit_partition('audit_default', 'default');
select august.audit_ahead(now(), 3);

-- Has every change of a table recorded. A later migration calls it for each table that it makes, and again for each
-- that it gives a column. Changes of the ignored columns alone are not recorded.
create function august.audit_watch(target regclass, ignored text[] default '{}') returns void language plpgsql as $outer$
declare
    relation text;
    fn       text;
    columns  text[];
    keys     text[];
    hashed   boolean;
    marked   boolean;
    key_of   text; -- of a row "%1$s"
    text_of  text;
    hash_of  text;
    gone     text;
    joined   text;
    differ   text;
    beside   text;
    put      text;
begin
    select format('%s.%s', n.nspname, c.relname), format('august.%I', format('audit_%s_%s', n.nspname, c.relname)) into relation, fn
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = target;
    select array_agg(attname::text order by attnum), bool_or(attname = 'content_hash'), bool_or(attname = 'deleted_at_source')
    into columns, hashed, marked from pg_attribute where attrelid = target and attnum > 0 and not attisdropped;
    select array_agg(a.attname::text order by k.n) into keys
    from pg_index i cross join unnest(i.indkey) with ordinality k(attnum, n) join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = target and i.indisprimary;

    -- The mark of deletion is compared and flagged apart from the other columns.
    key_of  := (select string_agg(format('%%1$s.%I::text', k), $$ || '/' || $$ order by n) from unnest(keys) with ordinality u(k, n));
    text_of := 'row(' || (select string_agg(format('%%1$s.%I', c), ', ' order by n) from unnest(columns) with ordinality u(c, n)
        where c <> all(ignored) and c <> 'deleted_at_source') || ')::text';
    joined  := (select string_agg(format('o.%1$I = n.%1$I', k), ' and ') from unnest(keys) k);
    differ  := format('%s is distinct from %s', format(text_of, 'o'), format(text_of, 'n'));
    hash_of := format($$sha256(convert_to(%s, 'UTF8'))$$, text_of);
    beside  := 'false';
    gone    := '0';
    if hashed then
        beside  := format('coalesce(o.content_hash = n.content_hash and %s, false)', differ);
        differ  := 'o.content_hash is distinct from n.content_hash or ' || differ;
        hash_of := 'case when octet_length(%1$s.content_hash) = 32 then %1$s.content_hash else sha256(%1$s.content_hash) end';
    end if;
    if marked then
        gone   := '(%1$s.deleted_at_source is not null)::integer';
        differ := 'o.deleted_at_source is distinct from n.deleted_at_source or ' || differ;
    end if;
    put := $$
        insert into august.audit (cluster, source, source_id, relation, operation, keys, before, after, flags, deliveries)
        select august.audit_cluster(), kind, whose, $$ || quote_literal(relation) || $$, lower(tg_op), array_agg(key), string_agg(before, ''), string_agg(after, ''),
            nullif(string_agg(flag::text, ''), repeat('0', count(*)::integer)), array_agg(delivered ->> key) filter (where delivered is not null)
        from (%s) changed having count(*) > 0;$$;

    execute format($fn$
create or replace function %s() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' set bytea_output = 'hex' as $body$
declare
    kind      text  := nullif(current_setting('august.audit_source', true), '');
    whose     text  := coalesce(current_setting('august.audit_id', true), '');
    delivered jsonb := nullif(current_setting('august.audit_deliveries', true), '')::jsonb;
begin
    if kind is null then -- a hand on the database
        kind := 'sql';
        whose := current_setting('application_name');
    end if;
    -- An upsert fires two triggers, and one of them mostly has nothing to say.
    if tg_op = 'INSERT' then
        if not exists (select from n) then return null; end if;%s
    elsif tg_op = 'DELETE' then
        if not exists (select from o) then return null; end if;%s
    elsif tg_op = 'UPDATE' then
        if not exists (select from n) then return null; end if;%s
    else
        insert into august.audit (cluster, source, source_id, relation, operation, keys) values (august.audit_cluster(), kind, whose, %L, 'truncate', '{}');
    end if;
    return null;
end $body$$fn$, fn,
        format(put, format('select %s as key, null::bytea as before, %s as after, 2 * %s as flag from n', format(key_of, 'n'), format(hash_of, 'n'), format(gone, 'n'))),
        format(put, format('select %s as key, %s as before, null::bytea as after, %s as flag from o', format(key_of, 'o'), format(hash_of, 'o'), format(gone, 'o'))),
        -- A full join cannot become a nested loop, whatever number of rows the plan was made for.
        format(put, format($$
            select coalesce(%1$s, %2$s) as key, 2 * coalesce(%8$s, 0) + coalesce(%7$s, 0) + case when %9$s then 4 else 0 end as flag,
                case when o.%12$I is null then decode(repeat('00', 32), 'hex') when %9$s then sha256(convert_to(%5$s, 'UTF8')) else %3$s end as before,
                case when n.%12$I is null then decode(repeat('00', 32), 'hex') when %9$s then sha256(convert_to(%6$s, 'UTF8')) else %4$s end as after
            from o full join n on %10$s where %11$s$$,
            format(key_of, 'n'), format(key_of, 'o'), format(hash_of, 'o'), format(hash_of, 'n'), format(text_of, 'o'), format(text_of, 'n'),
            format(gone, 'o'), format(gone, 'n'), beside, joined, differ, keys[1])),
        relation);
    execute format('comment on function %s() is %L', fn, array_to_string(columns, ','));
    execute format('create or replace trigger audit_insert after insert on %s referencing new table as n for each statement execute function %s()', target, fn);
    execute format('create or replace trigger audit_update after update on %s referencing old table as o new table as n for each statement execute function %s()', target, fn);
    execute format('create or replace trigger audit_delete after delete on %s referencing old table as o for each statement execute function %s()', target, fn);
    execute format('create or replace trigger audit_truncate before truncate on %s for each statement execute function %s()', target, fn);
end $outer$;
comment on function august.audit_watch(regclass, text[]) is 'Has every change of a table recorded in the audit trail.';

-- All that is synced; the move of a moment of observation alone is no change.
select august.audit_watch(c.oid, '{observed_at}')
from pg_class c where c.relnamespace = 'drchrono'::regnamespace and c.relkind = 'r' and c.relname <> 'quarantine' order by c.relname;
select august.audit_watch('billing.claim'), august.audit_watch('billing.mismatch'), august.audit_watch('labs.review'), august.audit_watch('labs.acknowledgement');
select august.audit_watch('august.pipeline', '{created_at,updated_at,next_run,last_full,next_reconcile,reconcile_due}');

-- For people: what became of one row. There is no index on keys, which would cost every page more than it is worth: this reads
-- the months that it is asked for.
create function august.audit_history(of_relation text, of_key text, since timestamptz default '-infinity', until timestamptz default 'infinity')
returns table (at timestamptz, id bigint, txid xid8, actor text, source text, source_id text, delivery text, operation text,
    content_changed boolean, by_hand boolean, deleted_before boolean, deleted_after boolean, before bytea, after bytea)
language sql stable as $$
    select a.at, a.id, a.txid, a.actor, a.source, a.source_id, a.deliveries[k.n], a.operation,
        case when k.n is not null then k.before is distinct from k.after end, coalesce(k.flag & 4 > 0, false), coalesce(k.flag & 1 > 0, false), coalesce(k.flag & 2 > 0, false), k.before, k.after
    from august.audit a left join lateral (
        select n, substr(a.before, 32 * n - 31, 32) as before, substr(a.after, 32 * n - 31, 32) as after, coalesce(substr(a.flags, n, 1), '0')::integer as flag
        from generate_subscripts(a.keys, 1) n where a.keys[n] = of_key
    ) k on true
    where a.relation = of_relation and (a.keys @> array[of_key] or a.operation = 'truncate') and a.at >= since and a.at < until
    order by a.at, a.id
$$;
comment on function august.audit_history(text, text, timestamptz, timestamptz) is
    'What became of one row: august.audit_history(''drchrono.patients'', ''1''). by_hand: a column changed and the hash of what was received did not. A truncation has no hashes.';
