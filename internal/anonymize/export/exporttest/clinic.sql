-- A clinic of invented people, as wide and as wordy as real ones: three in four comments of labs name their own patient.
-- %[1]d patients, and thirty times as many rows in all.
create schema clinic;
create table clinic.patients (
	id bigint primary key, doctor bigint, first_name text, middle_name text, last_name text, nick_name text, date_of_birth date, gender text,
	social_security_number text, chart_id text unique, email text, home_phone text, cell_phone text, office_phone text,
	address text, city text, state text, zip_code text, emergency_contact_name text, emergency_contact_phone text, responsible_party_name text,
	employer text, member_id text, group_number text, photo_url text, language text, race text, ethnicity text, notes text,
	created_at timestamptz, updated_at timestamptz, last_ip inet, portal_id uuid, extra json, active boolean
);
create table clinic.appointments (
	id bigint primary key, patient bigint references clinic.patients, doctor bigint, office int, scheduled_time timestamp, duration int, status text, reason text,
	notes text, icd10 text[], created_at timestamptz, updated_at timestamptz
);
create table clinic.line_items (
	id bigint primary key, appointment bigint references clinic.appointments, code text, procedure_type text, modifiers text[], description text, price numeric(10, 2), billed numeric(10, 2),
	allowed numeric(10, 2), paid numeric(10, 2), adjustment numeric(10, 2), balance numeric(10, 2), quantity int, units text, diagnosis_pointers text[], billing_status text,
	service_date date, posted_date date, doctor bigint, updated_at timestamptz
);
create table clinic.transactions (
	id bigint primary key, line_item bigint references clinic.line_items, appointment bigint, amount numeric(10, 2), adjustment numeric(10, 2), adjustment_reason text, group_code text, kind text,
	payer text, payer_id text, check_number text, trace_number text, check_date date, posted_date date, created_at timestamptz
);
create table clinic.claims (
	id bigint primary key, appointment bigint references clinic.appointments, level int, status text, payer text, member_id text, control_number text, billed date, edi_837 text
);
create table clinic.lab_orders (
	id bigint primary key, patient bigint references clinic.patients, accession_number text, requisition text, vendor text, status text, ordered_at timestamptz, note text
);
create table clinic.lab_results (
	id bigint primary key, patient bigint references clinic.patients, lab_order bigint references clinic.lab_orders, loinc text, name text, value text, value_number numeric(10, 2), unit text,
	reference_range text, abnormal text, status text, comments text, collected timestamptz, performed timestamptz, received timestamptz
);
create table clinic.messages (id uuid primary key, patient bigint references clinic.patients, at timestamptz, body json);

create function pg_temp.pick(n bigint, words text[]) returns text language sql immutable as $$ select words[1 + abs(hashint8(n)) %% array_length(words, 1)] $$;
create function pg_temp.given(n bigint) returns text language sql immutable as $$ select pg_temp.pick(n, array['Zorvan', 'Quillix', 'Brunalda', 'Tesmira', 'Oskvald', 'Yelmara', 'Finnbrek', 'Quorra', 'Dravina', 'Ulmeric', 'Perluna', 'Hestrid']) $$;
create function pg_temp.family(n bigint) returns text language sql immutable as $$ select pg_temp.pick(n * 7, array['Varnell', 'Quenberg', 'Zettlow', 'Ombrick', 'Trasken', 'Yarwick', 'Felbrant', 'Morvane']) || pg_temp.pick(n, array['son', 'sen', 'man', 'ley', 'ton', 'by', 'ford', 'well', 'wick', 'stead']) $$;

insert into clinic.patients select n, n %% 9, pg_temp.given(n), pg_temp.given(n + 1), pg_temp.family(n), case when n %% 3 = 0 then pg_temp.given(n + 5) end,
	date '1935-01-01' + (n * 37 %% 30000)::int, (array['male', 'female', 'other'])[1 + n %% 3],
	lpad((100 + n %% 800)::text, 3, '0') || '-' || lpad((10 + n / 800 %% 90)::text, 2, '0') || '-' || lpad((n %% 9999)::text, 4, '0'), 'MRN' || lpad(n::text, 8, '0'),
	lower(pg_temp.given(n)) || n || '@mail.example.test', '(312) 5' || lpad((n %% 100)::text, 2, '0') || '-' || lpad((n * 13 %% 10000)::text, 4, '0'),
	case when n %% 5 > 0 then '312-6' || lpad((n %% 100)::text, 2, '0') || '-' || lpad((n * 17 %% 10000)::text, 4, '0') end, null,
	n || ' ' || pg_temp.family(n + 3) || ' Street', 'Chicago', 'IL', '60' || lpad((n %% 1000)::text, 3, '0'), pg_temp.given(n + 9) || ' ' || pg_temp.family(n),
	'312.7' || lpad((n %% 100)::text, 2, '0') || '.' || lpad((n * 19 %% 10000)::text, 4, '0'), null, case when n %% 2 = 0 then 'Employer ' || n %% 500 end,
	'W' || lpad((n * 7919)::text, 9, '0'), 'G' || n %% 900, 'https://files.example.test/p/' || n || '.jpg', 'eng', (array['white', 'black', 'asian', 'declined'])[1 + n %% 4],
	(array['hispanic', 'not_hispanic'])[1 + n %% 2], case when n %% 4 = 0 then pg_temp.given(n) || ' called on 3/14/2024 and prefers the number ending in 55.' end,
	timestamptz '2018-01-01' + n * interval '17 minutes', timestamptz '2024-01-01' + n * interval '7 minutes', ('10.1.' || n %% 250 || '.' || n / 250 %% 250)::inet, md5(n::text)::uuid,
	json_build_object('address', json_build_object('street', n || ' Oak Lane', 'zip', '60601'), 'contacts', json_build_array(json_build_object('name', pg_temp.given(n + 2) || ' ' || pg_temp.family(n), 'phone', '312-555-0199')), 'score', n %% 100),
	n %% 20 > 0
	from generate_series(1, %[1]d::bigint) n;
insert into clinic.appointments select n, 1 + n %% %[1]d, n %% 9, n %% 4, timestamp '2023-01-01 08:00' + n %% 30000 * interval '15 minutes', 30, (array['Complete', 'Arrived', 'Cancelled', 'No Show'])[1 + n %% 4],
	'Follow-up visit', case when n %% 3 = 0 then 'Seen today, ' || pg_temp.given(1 + n %% %[1]d) || ' ' || pg_temp.family(1 + n %% %[1]d) || ' feels well. Next visit on 2024-05-0' || 1 + n %% 9 || '.' end,
	array['E11.9', 'I10'], timestamptz '2022-12-01' + n %% 30000 * interval '15 minutes', timestamptz '2023-01-02' + n %% 30000 * interval '15 minutes'
	from generate_series(1, 5 * %[1]d::bigint) n;
insert into clinic.line_items select n, 1 + n %% (5 * %[1]d::bigint), '992' || 10 + n %% 6, 'CPT', array['25'], 'Office or other outpatient visit, established patient', 100 + n %% 90, 100 + n %% 90,
	90 + n %% 90, n %% 90, 10, n %% 40, 1, 'UN', array['1', '2'], (array['Paid In Full', 'Balance Due', 'Settled'])[1 + n %% 3],
	date '2023-01-01' + (n %% 400)::int, date '2023-01-20' + (n %% 400)::int, n %% 9, timestamptz '2023-01-20 14:00Z' + n %% 400 * interval '1 day'
	from generate_series(1, 8 * %[1]d::bigint) n;
insert into clinic.transactions select n, n, 1 + n %% (5 * %[1]d::bigint), n %% 90, n %% 9, '45', 'CO', 'insurance payment', (array['Invented Health', 'Blue Example', 'Cash'])[1 + n %% 3], '6005' || n %% 9,
	case when n %% 3 = 0 then (100000 + n)::text end, 'TRC' || lpad(n::text, 10, '0'), date '2023-01-28' + (n %% 400)::int, date '2023-02-01' + (n %% 400)::int, timestamptz '2023-02-01' + n %% 400 * interval '1 day'
	from generate_series(1, 8 * %[1]d::bigint) n;
insert into clinic.claims select n, n, 1, 'submitted', 'Invented Health', 'W' || lpad((n * 7919)::text, 9, '0'), lpad(n::text, 9, '0'), date '2023-01-10' + (n %% 400)::int,
	'ISA*00*          *00*          *ZZ*SENDER*ZZ*RECEIVER*230110*1253*^*00501*' || lpad(n::text, 9, '0') || '*0*P*:~NM1*IL*1*' || upper(pg_temp.family(n)) || '*' || upper(pg_temp.given(n)) || '****MI*W'
	|| lpad((n * 7919)::text, 9, '0') || '~' || repeat('HI*ABK:E119*ABF:I10~SV1*HC:99213*120*UN*1***1:2~DTP*472*D8*20230110~', 6) from generate_series(1, %[1]d::bigint) n;
insert into clinic.lab_orders select n, 1 + n %% %[1]d, 'ACC' || lpad(n::text, 9, '0'), 'RQ' || lpad((n * 31)::text, 10, '0'), 'Invented Laboratories', 'complete', timestamptz '2023-02-27 06:00Z' + n %% 20000 * interval '20 minutes',
	case when n %% 4 = 0 then 'Fasting sample. ' || pg_temp.given(1 + n %% %[1]d) || ' was told to come back in two weeks.' end from generate_series(1, %[1]d::bigint * 3 / 2) n;
insert into clinic.lab_results select n, 1 + n %% (%[1]d::bigint * 3 / 2) %% %[1]d, 1 + n %% (%[1]d::bigint * 3 / 2), '4548-4', 'Hemoglobin A1c', (40 + n %% 80)::text, 40 + n %% 80, 'mg/dL', '40-120', 'N', 'final',
	case when n %% 4 > 0 then 'Result of ' || pg_temp.given(1 + n %% (%[1]d::bigint * 3 / 2) %% %[1]d) || ' ' || pg_temp.family(1 + n %% (%[1]d::bigint * 3 / 2) %% %[1]d) || ' (MRN' || lpad((1 + n %% (%[1]d::bigint * 3 / 2) %% %[1]d)::text, 8, '0')
	|| ') discussed by phone; within the expected range for age.' end,
	timestamptz '2023-02-28 06:00Z' + n %% 20000 * interval '20 minutes', timestamptz '2023-03-01 06:00Z' + n %% 20000 * interval '20 minutes', timestamptz '2023-03-02 06:00Z' + n %% 20000 * interval '20 minutes'
	from generate_series(1, 5 * %[1]d::bigint) n;
insert into clinic.messages select md5('m' || n)::uuid, n, timestamptz '2024-01-01' + n * interval '3 minutes',
	json_build_object('from', pg_temp.given(n) || ' ' || pg_temp.family(n), 'email', lower(pg_temp.given(n)) || n || '@mail.example.test', 'text', 'Please call ' || pg_temp.given(n) || ' back.', 'urgent', n %% 7 = 0)
	from generate_series(1, %[1]d::bigint, 3) n;
