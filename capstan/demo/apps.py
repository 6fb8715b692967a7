from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "capstan.demo"
    label = "demo"
