// Without scripts there is the button.
document.getElementById("on").submit();
