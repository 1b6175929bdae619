from django.apps import AppConfig


class PhotosConfig(AppConfig):
    name = "photos"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Engines find what there is to find, an audit checks it, and what belongs to an image goes with it."""
        from jobs.deletion.belongings import of_evidence, of_images, of_visits
        from jobs.engine.companion import companions
        from jobs.reporting.audit_checks import further_checks
        from jobs.reporting.exports import COLUMNS
        from photos import changes
        from photos.audit import FINDINGS
        from photos.companion import Finder
        from photos.export_column import FINDINGS_OF_IMAGE

        changes.listen()
        companions.append(Finder)
        further_checks.append(FINDINGS)
        COLUMNS.insert([column.name for column in COLUMNS].index("metadata") + 1, FINDINGS_OF_IMAGE)
        of_images += ["photos_fingerprint", "photos_finding"]
        of_visits.append("photos_visitlook")
        of_evidence.append("photos_fingerprint")
