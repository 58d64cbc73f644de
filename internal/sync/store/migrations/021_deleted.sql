-- Who asks for a status is told exactly how many rows of each object there are. To count those that are not deleted took
-- reading all of the table, with what DrChrono has said of each row: the rows that there are, less those that are deleted, are
-- counted by indexes alone. These are as small as the deletions are few, and are written only when one is marked or comes back.
-- Additive for the previous revision.

create index if not exists appointments_deleted on drchrono.appointments (deleted_at_source) where deleted_at_source is not null;
create index if not exists line_items_deleted on drchrono.line_items (deleted_at_source) where deleted_at_source is not null;
create index if not exists line_item_deletions_deleted on drchrono.line_item_deletions (deleted_at_source) where deleted_at_source is not null;
create index if not exists transactions_deleted on drchrono.transactions (deleted_at_source) where deleted_at_source is not null;
create index if not exists patient_payments_deleted on drchrono.patient_payments (deleted_at_source) where deleted_at_source is not null;
create index if not exists patient_payment_log_deleted on drchrono.patient_payment_log (deleted_at_source) where deleted_at_source is not null;
create index if not exists eobs_deleted on drchrono.eobs (deleted_at_source) where deleted_at_source is not null;
create index if not exists eligibility_checks_deleted on drchrono.eligibility_checks (deleted_at_source) where deleted_at_source is not null;
create index if not exists patients_deleted on drchrono.patients (deleted_at_source) where deleted_at_source is not null;
create index if not exists lab_orders_deleted on drchrono.lab_orders (deleted_at_source) where deleted_at_source is not null;
create index if not exists lab_documents_deleted on drchrono.lab_documents (deleted_at_source) where deleted_at_source is not null;
create index if not exists lab_tests_deleted on drchrono.lab_tests (deleted_at_source) where deleted_at_source is not null;
create index if not exists lab_results_deleted on drchrono.lab_results (deleted_at_source) where deleted_at_source is not null;
create index if not exists patient_lab_results_deleted on drchrono.patient_lab_results (deleted_at_source) where deleted_at_source is not null;
