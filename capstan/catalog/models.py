"""Packages and top-up offers. A dated version or price is never edited: a change is a later row."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from capstan.catalog.rules import AtCap, Counting, CycleAnchor, CycleKind, OvershootPolicy


def _choices(
    words: type[CycleKind | CycleAnchor | Counting | AtCap | OvershootPolicy],
) -> list[tuple[str, str]]:
    return [(word.value, word.name.replace("_", " ").capitalize()) for word in words]


def _default_thresholds() -> list[int]:
    return [50, 80, 90, 100]


class Brand(models.Model):
    """The name a customer knows the provider by; one provider may have several."""

    name = models.TextField(unique=True)
    sms_sender = models.TextField(blank=True)
    logo_file = models.TextField(blank=True)
    support_phone = models.TextField(blank=True)
    support_email = models.TextField(blank=True)
    website = models.TextField(blank=True)
    issuer = models.TextField(
        blank=True, help_text="legal name and address, a line each, as documents print them"
    )
    company_number = models.TextField(blank=True)
    vat_number = models.TextField(
        blank=True, help_text="empty: not registered for VAT, and no document of this brand says a word of it"
    )
    bank_details = models.TextField(
        blank=True, help_text="where customers pay by EFT: lines of `label: value`"
    )
    accent = models.TextField(default="#1c5fb8", help_text="#rrggbb, on documents")
    document_footer = models.TextField(blank=True)


class BrandLogo(models.Model):
    """The picture on a brand's documents, apart from the brand, which is read far more often."""

    brand = models.OneToOneField(Brand, models.CASCADE, primary_key=True, related_name="logo")
    content = models.BinaryField()
    kind = models.TextField(help_text="png, jpeg or svg")
    set_at = models.DateTimeField()


class TaxGroup(models.Model):
    """What is taxed alike: standard, zero-rated, exempt. Its rate at a given day is its `TaxRate`."""

    code = models.TextField(unique=True)
    name = models.TextField(help_text="as documents say it")
    is_default = models.BooleanField(default=False, help_text="of everything that names no group")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="taxgroup_default"
            )
        ]


class TaxRate(models.Model):
    """A group's rate from a day of supply on, until the next one. A rate is never edited; one still to come can be withdrawn."""

    group = models.ForeignKey(TaxGroup, models.PROTECT, related_name="rates")
    valid_from = models.DateField()
    rate_bp = models.IntegerField(help_text="in hundredths of a percent: 1500 is 15 %")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "valid_from"], name="taxrate_dated"),
            models.CheckConstraint(
                condition=models.Q(rate_bp__gte=0, rate_bp__lte=10000), name="taxrate_amount"
            ),
        ]


class Package(models.Model):
    """What is sold; what it says at a given time is its `PackageVersion`."""

    code = models.TextField(unique=True)
    name = models.TextField()
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    on_sale = models.BooleanField(default=True)
    pays_first = models.BooleanField(
        default=False, help_text="top-ups of its lines are paid before they are added"
    )
    tax_group = models.ForeignKey(
        TaxGroup, models.PROTECT, null=True, related_name="+", help_text="empty: the default"
    )


class PackagePrice(models.Model):
    """What a package costs a month from a date on, in minor units, VAT included."""

    package = models.ForeignKey(Package, models.PROTECT, related_name="prices")
    valid_from = models.DateTimeField()
    price_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package", "valid_from"], name="packageprice_dated"),
            models.CheckConstraint(condition=models.Q(price_minor__gte=0), name="packageprice_amount"),
        ]


class PackageVersion(models.Model):
    """The package's terms from `valid_from` until the next version. Immutable, hence safe to cache by id."""

    package = models.ForeignKey(Package, models.PROTECT, related_name="versions")
    valid_from = models.DateTimeField()
    allowance_bytes = models.BigIntegerField(null=True, help_text="per cycle; empty means uncapped")
    cycle_kind = models.TextField(choices=_choices(CycleKind), default=CycleKind.MONTH)
    cycle_anchor = models.TextField(choices=_choices(CycleAnchor), default=CycleAnchor.CALENDAR)
    day_limit_bytes = models.BigIntegerField(null=True)
    week_limit_bytes = models.BigIntegerField(null=True)
    counting = models.TextField(choices=_choices(Counting), default=Counting.BOTH)
    rate_up_kbps = models.IntegerField(null=True, help_text="empty means not limited by us")
    rate_down_kbps = models.IntegerField(null=True)
    at_cap = models.TextField(choices=_choices(AtCap), default=AtCap.BLOCK)
    throttle_up_kbps = models.IntegerField(default=256)
    throttle_down_kbps = models.IntegerField(default=512)
    overshoot = models.TextField(choices=_choices(OvershootPolicy), default=OvershootPolicy.FORGIVE)
    free_windows = ArrayField(
        models.TextField(),
        default=list,
        help_text="local times whose bytes are free, as '1234567 00:00-06:00'",
    )
    rollover_allowance_cycles = models.SmallIntegerField(default=0, help_text="0: what is left expires")
    rollover_topup_cycles = models.SmallIntegerField(default=0)
    thresholds = ArrayField(models.SmallIntegerField(), default=_default_thresholds)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package", "valid_from"], name="packageversion_dated"),
            models.CheckConstraint(
                condition=models.Q(allowance_bytes__isnull=True) | models.Q(allowance_bytes__gte=0),
                name="packageversion_allowance",
            ),
        ]


class TopUpOffer(models.Model):
    """A top-up for sale. Its letter is what a customer replies by SMS."""

    code = models.TextField(unique=True)
    name = models.TextField()
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    size_bytes = models.BigIntegerField()
    letter = models.CharField(max_length=1)
    valid_days = models.SmallIntegerField(
        null=True, help_text="days from purchase; empty means to the cycle's end"
    )
    never_expires = models.BooleanField(default=False, help_text="valid until it is used up; then no days")
    on_sale = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(size_bytes__gt=0), name="topupoffer_size"),
            models.CheckConstraint(
                condition=models.Q(never_expires=False) | models.Q(valid_days=None),
                name="topupoffer_validity",
            ),
            models.UniqueConstraint(
                fields=["brand", "letter"], condition=models.Q(on_sale=True), name="topupoffer_letter"
            ),
        ]


class OfferPrice(models.Model):
    """An offer's price from a date on, in minor units of the provider's currency, VAT included."""

    offer = models.ForeignKey(TopUpOffer, models.PROTECT, related_name="prices")
    valid_from = models.DateTimeField()
    price_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["offer", "valid_from"], name="offerprice_dated"),
            models.CheckConstraint(condition=models.Q(price_minor__gte=0), name="offerprice_amount"),
        ]


class DataPrice(models.Model):
    """What a GB costs when somebody chooses a size himself, from a date on; VAT included."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="data_prices")
    valid_from = models.DateTimeField()
    per_gb_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "valid_from"], name="dataprice_dated"),
            models.CheckConstraint(condition=models.Q(per_gb_minor__gte=0), name="dataprice_amount"),
        ]
